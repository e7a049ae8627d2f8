"""Many at the desk mark the same order as shipped at the same moment: there is one parcel."""

from functools import partial

import pytest

from tools.http_shopper import HttpShopper
from tools.stage import Stage, is_lost_within_some_rounds

PRESSES = 20
LOG_IN = """
from django.contrib.auth.models import User
from django.test import Client
who = User.objects.filter(username="merchant").first() or User.objects.create_superuser("merchant")
desk = Client()
desk.force_login(who)
print(desk.cookies["sessionid"].value)
"""


@pytest.fixture(scope="module")
def session(running_stage: Stage) -> str:
    return running_stage.shop.manage("shell", "--no-imports", "--command", LOG_IN).split()[-1]


def test_an_order_is_shipped_once(stage: Stage, session: str):
    assert parcels(stage, session) == 1


def test_without_the_conditional_update_it_is_shipped_twice(stage: Stage, session: str):
    with stage.altered("shipping_reads_then_writes") as unguarded:
        assert is_lost_within_some_rounds(lambda: parcels(unguarded, session) == 1)


def parcels(stage: Stage, session: str) -> int:
    """Buy and pay, press many times at once, and count the parcels of the order."""
    order = paid_order(stage)
    desk = HttpShopper(stage.shop.url)
    desk.cookies["sessionid"] = session
    press = partial(desk.posts, f"/admin/checkout/order/{order}/shipment/", {"carrier": "DHL"})
    assert {answer.status for answer in stage.at_once([press] * PRESSES)} == {303}
    ours = f"REPLACE(CAST(order_id AS TEXT), '-', '') = '{order.replace('-', '')}'"
    return stage.number(f"SELECT COUNT(*) FROM merchant_parcel WHERE {ours}")


def paid_order(stage: Stage) -> str:
    ada = stage.shopper()
    ada.puts(stage.product("Mouse"), 1)
    ada.buys()
    [(_, session)] = stage.orders(ada)
    stage.stripe.pay(str(session))
    stage.stripe.wait_until_quiet()
    [(status, _)] = stage.orders(ada)
    assert status == "PAID"
    return str(stage.stripe.sessions[str(session)]["metadata"]["order_id"])
