"""Who may do what at the desk: a packer, a bookkeeper, and what each of them may not."""

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from checkout.models import Message, Order, Refund, StripeEvent
from merchant.models import Parcel
from storefront.models import Category, Product
from tests.cast import rate

roles = import_module("merchant.migrations.0003_roles")

pytestmark = pytest.mark.django_db

ANYBODY = {"index", "login", "password_change", "under-the-hood", "view_on_site"}
ANYBODY_READS = {"jsi18n", "password_change_done"} | ANYBODY
# These answer a post as they answer a get, and change nothing.
ORDERS_READ = {f"checkout_order_{page}" for page in ("changelist", "history", "preview")}
ORDERS_READ |= {"app_list"}
SEES_ORDERS = ORDERS_READ | {"checkout_order_change", "shipment", "slip", "slips", "to-ship"}
# All that opens to whom; what is not named is closed, so a new page has to be decided about.
OPEN = {
    ("packer", "get"): ANYBODY_READS | SEES_ORDERS | {"parcel"},
    ("packer", "post"): ANYBODY
    | ORDERS_READ
    | {"to-ship", "shipment", "shipment-undoing", "parcels", "parcel", "note"},
    ("bookkeeper", "get"): ANYBODY_READS | SEES_ORDERS | {"money", "export"},
    ("bookkeeper", "post"): ANYBODY | ORDERS_READ | {"to-ship"},
}
# Their own view says 404 or leads elsewhere; what they lead to is in the table.
CLOSED = (403, 404, 405)


def member(role: str) -> Client:
    roles.make(apps, SimpleNamespace(connection=connection))  # a test may have emptied the tables
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def things(order: Order) -> dict[str, Any]:
    """One of each thing that a page of the desk is about, and an order that waits."""
    parcel = Parcel.objects.create(order=order, carrier="DHL", number="0034")
    message = Message.objects.create(
        order=order, kind="order_link", key="a/1", to="ada@example.com"
    )
    StripeEvent.objects.create(event_id="evt_1", type="x", outcome="ignored")
    Category.objects.create(name="Mice")
    rate("Parcel", "AT", 490)
    Group.objects.create(name="any other")
    Refund.objects.create(order=order, refund_id="re_1", amount_cents=5)
    return {"order": order, "parcel": parcel, "message": message}


def pages(things: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each page of the desk by its name, with an address that leads to something."""
    found = next(r for r in get_resolver().url_patterns if getattr(r, "namespace", "") == "admin")
    for pattern, name in walk(found):
        if name and name != "logout":
            address = reverse(f"admin:{name}", kwargs=arguments(pattern, name, things))
            yield name, f"{address}?order={things['order'].pk}" if name == "slips" else address


def walk(resolver: Any) -> Iterator[tuple[Any, str]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern, pattern.name or ""
        else:
            yield from walk(pattern)


def arguments(pattern: Any, name: str, things: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = {"pk": things["order"].pk, "parcel": things["parcel"].pk}
    known |= {"kind": "orders", "app_label": "checkout"}
    for model in admin.site._registry:
        if name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
            first = model._default_manager.values_list("pk", flat=True).first()
            known |= {"object_id": first, "pk": first}
            assert "object_id" not in pattern.pattern.converters or known["object_id"], name
    if name.startswith("checkout_message"):
        known |= {"pk": things["message"].pk, "kind": "order_confirmed"}
    if name == "view_on_site":
        content_type = ContentType.objects.get_for_model(Product)
        known |= {
            "content_type_id": content_type.pk,
            "object_id": Product.objects.earliest("pk").pk,
        }
    if not pattern.pattern.converters and pattern.pattern.regex.groups:
        return {"app_label": "checkout"}
    known["id"] = known.get("object_id")
    return {argument: known[argument] for argument in pattern.pattern.converters}


@pytest.mark.once
@pytest.mark.parametrize(("role", "method"), OPEN)
def test_each_page_opens_to_whom_the_table_names(role: str, method: str, things: dict[str, Any]):
    browser, before = member(role), list(Order.objects.values())
    answers = {name: getattr(browser, method)(address) for name, address in pages(things)}
    opened = {name for name, answer in answers.items() if answer.status_code not in CLOSED}
    assert opened == OPEN[role, method]
    if role == "bookkeeper":
        assert list(Order.objects.values()) == before
        assert Parcel.objects.count() == 1


@pytest.mark.once
@pytest.mark.parametrize("pressed", ["ship", "slips"])
def test_a_bookkeeper_prints_slips_and_ships_nothing(order: Order, pressed: str):
    form = {"order": str(order.pk), pressed: "yes"}
    answer = member("bookkeeper").post("/admin/to-ship/", form)
    order.refresh_from_db()
    assert (answer.status_code, order.shipped_at) == (403 if pressed == "ship" else 303, None)


@pytest.mark.once
def test_a_packer_reads_no_more_of_the_money_than_packing_needs(order: Order):
    """That a part went back is a warning to who packs."""
    Order.objects.filter(pk=order.pk).update(
        refunded_cents=1_234, fee_cents=321, net_cents=1, review_reason="Money arrived twice."
    )
    Refund.objects.create(order=order, refund_id="re_1", amount_cents=1_234)
    packer, bookkeeper = member("packer"), member("bookkeeper")
    page = f"/admin/checkout/order/{order.pk}/change/"
    secrets = (
        "3.21",
        "re_1",
        "Money arrived",
        order.payment_intent,
        "/mail/",
        "/refund/",
        "/admin/money/",
    )
    for address in ("/admin/", page, "/admin/checkout/order/"):
        shown = packer.get(address).text
        assert [secret for secret in secrets if secret in shown] == []
    assert "$59.98" in packer.get(page).text
    assert "/admin/money/" in bookkeeper.get("/admin/").text
    assert 'href="/admin/">Back to the desk</a>' in packer.get("/admin/money/").text


def test_a_packer_ships(order: Order):
    member("packer").post(f"/admin/checkout/order/{order.pk}/shipment/", {"number": "0034"})
    order.refresh_from_db()
    assert order.shipped_at


class TestTheGroups:
    def made(self) -> None:
        roles.make(apps, SimpleNamespace(connection=connection))

    def test_have_what_the_migration_names_where_nothing_is_there_yet(self):
        """Django makes permissions and content types after the migrations alone."""
        Group.objects.all().delete()
        ContentType.objects.all().delete()
        ContentType.objects.clear_cache()
        self.made()
        for role, allowed in roles.ROLES.items():
            given = Group.objects.get(name=role).permissions
            assert set(given.values_list("codename", flat=True)) == {names[2] for names in allowed}
        made = dict(Permission.objects.values_list("codename", "name"))
        Permission.objects.all().delete()
        call_command("migrate", verbosity=0)  # makes them as Django does
        assert made.items() <= dict(Permission.objects.values_list("codename", "name")).items()

    def test_stay_as_the_merchant_made_them(self):
        Group.objects.all().delete()
        group = Group.objects.create(name="packer")
        group.permissions.add(Permission.objects.get(codename="add_product"))
        self.made()
        assert [p.codename for p in group.permissions.all()] == ["add_product"]
        assert Group.objects.get(name="bookkeeper").permissions.count() == 3
