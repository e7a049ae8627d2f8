"""Many at the desk ship, settle or note the same order at the same moment: one of them does it."""

from functools import partial

from merchant.order_page import digest
from tools.http_shopper import HttpShopper
from tools.stage import Stage, is_lost_within_some_rounds

PRESSES = 20
PAGES = "/admin/checkout/order/"


def test_an_order_is_shipped_once_and_told_once(stage: Stage, session: str):
    assert parcels_and_mails(stage, session) == (1, 1)


def test_without_the_conditional_update_it_is_shipped_twice(stage: Stage, session: str):
    with stage.altered("shipping_reads_then_writes") as unguarded:
        assert is_lost_within_some_rounds(lambda: parcels_and_mails(unguarded, session) == (1, 1))


def test_a_second_parcel_is_added_once(stage: Stage, session: str):
    assert parcels_and_mails(stage, session, more=True) == (2, 2)


def test_of_notes_that_are_written_at_once_one_is_kept_and_all_others_hear_it(
    stage: Stage, session: str
):
    assert kept_notes(stage, session) == 1


def test_what_comes_while_others_settle_the_order_stays_to_be_looked_at(stage: Stage, session: str):
    assert is_news_kept(stage, session)


def test_without_their_conditions_parcels_are_doubled_and_notes_and_news_are_lost(
    stage: Stage, session: str
):
    with stage.altered("the_desk_reads_then_writes") as unguarded:
        for is_well in (
            lambda: parcels_and_mails(unguarded, session, more=True) == (2, 2),
            lambda: kept_notes(unguarded, session) == 1,
            lambda: is_news_kept(unguarded, session),
        ):
            assert is_lost_within_some_rounds(is_well)


def parcels_and_mails(stage: Stage, session: str, *, more: bool = False) -> tuple[int, int]:
    """Ship from the order and from the list, many times at once; or add another parcel then.

    Return how many parcels there are of the order, and how many mails tell of one.
    """
    order, desk = paid_order(stage), desk_at(stage, session)
    ship = partial(desk.posts, f"{PAGES}{order}/shipment/", {"carrier": "DHL"})
    ship_all = partial(desk.posts, "/admin/to-ship/", {"order": order, "ship": "yes"})
    add = partial(desk.posts, f"{PAGES}{order}/parcels/", {"carrier": "DHL", "shown": "1"})
    if more:
        ship()
    presses = [add, add] if more else [ship, ship_all]
    assert {answer.status for answer in stage.at_once(presses * (PRESSES // 2))} == {303}
    ours = f"WHERE {is_of(order, 'order_id')}"
    return (
        stage.number(f"SELECT COUNT(*) FROM merchant_parcel {ours}"),
        stage.number(f"SELECT COUNT(*) FROM checkout_message {ours} AND kind = 'order_shipped'"),
    )


def kept_notes(stage: Stage, session: str) -> int:
    """Let many write another note on the same page; return how many read that it is kept."""
    address, desk = f"{PAGES}{paid_order(stage)}/note/", desk_at(stage, session)
    notes = [{"note": f"Note {n}", "seen": digest("")} for n in range(PRESSES)]
    answers = stage.at_once([partial(desk.posts, address, note) for note in notes])
    assert {answer.status for answer in answers} <= {303, 409}
    return sum(answer.status == 303 for answer in answers)


def is_news_kept(stage: Stage, session: str) -> bool:
    """Let many settle what they have seen, while Stripe tells that more money came."""
    order, desk = paid_order(stage), desk_at(stage, session)
    stage.sql(f"UPDATE checkout_order SET review_reason = 'Seen.' WHERE {is_of(order, 'id')}")

    def settle() -> int:
        return desk.posts(f"{PAGES}{order}/settling/", {"seen": digest("Seen.")}).status

    event = stage.stripe.events_of("checkout.session.completed")[-1]
    another = event["data"]["object"] | {"id": f"cs_test_{order}"}
    news = event | {"id": f"evt_{order}", "data": {"object": another}}

    def tell() -> int:
        return stage.stripe.send(news)

    assert {*stage.at_once([*[settle] * 5, tell, *[settle] * 5])} == {200, 303}
    [(reason,)] = stage.sql(f"SELECT review_reason FROM checkout_order WHERE {is_of(order, 'id')}")
    return "Money arrived" in reason


def is_of(order: str, column: str) -> str:
    return f"REPLACE(CAST({column} AS TEXT), '-', '') = '{order.replace('-', '')}'"


def desk_at(stage: Stage, session: str) -> HttpShopper:
    desk = HttpShopper(stage.shop.url)
    desk.cookies["sessionid"] = session
    return desk


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
