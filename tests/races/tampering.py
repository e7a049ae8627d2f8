"""Changes one thing in a snapshot, and knows the words that have to be found for it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tools.snapshot import EventRow, Line, MessageRow, OrderRow, RequestRow, Snapshot

Tampering = Callable[[Snapshot], Snapshot]


def paid(seen: Snapshot) -> OrderRow:
    """An order to wrong: there is a paid one in every run."""
    return next(order for order in seen.orders if order.status == "PAID")


def its_event(seen: Snapshot) -> EventRow:
    return next(event for event in seen.events if event.order == paid(seen).id)


def its_confirmation(seen: Snapshot) -> MessageRow:
    """One that was sent, as nearly all are."""
    return next(message for message in seen.messages if message.is_sent)


def changed[Row](rows: Iterable[Row], wronged: Row, **changes: Any) -> list[Row]:
    changed_row: Row = replace(wronged, **changes)  # type: ignore[type-var]
    return [changed_row if row is wronged else row for row in rows]


def with_order(**changes: Any) -> Tampering:
    return lambda seen: replace(seen, orders=changed(seen.orders, paid(seen), **changes))


def with_event(**changes: Any) -> Tampering:
    return lambda seen: replace(seen, events=changed(seen.events, its_event(seen), **changes))


def with_confirmation(**changes: Any) -> Tampering:
    return lambda seen: replace(
        seen, messages=changed(seen.messages, its_confirmation(seen), **changes)
    )


def with_session(**changes: Any) -> Tampering:
    """Stripe says something else."""

    def tamper(seen: Snapshot) -> Snapshot:
        session = seen.sessions[str(paid(seen).session_id)] | changes
        return replace(seen, sessions={**seen.sessions, session["id"]: session})

    return tamper


def with_details(**amounts: int) -> Tampering:
    """Stripe took something else, in the same total."""

    def tamper(seen: Snapshot) -> Snapshot:
        session = seen.sessions[str(paid(seen).session_id)]
        return with_session(total_details=session["total_details"] | amounts)(seen)

    return tamper


def without_codes_in_its_offer(seen: Snapshot) -> Snapshot:
    offer = {**(paid(seen).offer or {}), "codes": False}
    return with_order(offer=offer)(with_details(amount_discount=1)(seen))


def an_order_is_gone(seen: Snapshot) -> Snapshot:
    return replace(seen, orders=[order for order in seen.orders if order is not paid(seen)])


def two_orders_have_one_session(seen: Snapshot) -> Snapshot:
    return replace(seen, orders=[*seen.orders, replace(paid(seen), id="0" * 32)])


def one_more_is_in_stock(seen: Snapshot) -> Snapshot:
    more = {product: 1 + (seen.stock[product] or 0) for product in seen.expected}
    return replace(seen, stock={**seen.stock, **more})


def a_paid_order_reserves_something(seen: Snapshot) -> Snapshot:
    line = Line(paid(seen).id, min(seen.expected), 1)
    return replace(seen, reservations=[*seen.reservations, line])


def a_failed_order_keeps_what_left_the_cart(seen: Snapshot) -> Snapshot:
    line = Line(paid(seen).id, min(seen.expected), 1)
    return replace(with_order(status="FAILED")(seen), set_aside=[line])


def what_a_bank_is_paying_stays_in_the_cart(seen: Snapshot) -> Snapshot:
    return replace(with_order(status="PROCESSING")(seen), set_aside=[])


def a_confirmation_is_gone(seen: Snapshot) -> Snapshot:
    gone = its_confirmation(seen)
    order = next(order for order in seen.orders if order.id == gone.order)
    seen = replace(seen, orders=changed(seen.orders, order, status="PAID"))
    return replace(seen, messages=[message for message in seen.messages if message is not gone])


def a_confirmation_is_there_twice(seen: Snapshot) -> Snapshot:
    return replace(seen, messages=[*seen.messages, its_confirmation(seen)])


def its_event_is_there_twice(seen: Snapshot) -> Snapshot:
    return replace(seen, events=[*seen.events, its_event(seen)])


def an_event_is_sent_and_lost(seen: Snapshot) -> Snapshot:
    event = {"id": "evt_lost", "type": "checkout.session.completed"}
    return replace(seen, sent=[*seen.sent, event])


def no_event_is_applied(seen: Snapshot) -> Snapshot:
    return replace(seen, events=[replace(event, is_applied=False) for event in seen.events])


def every_order_is_confirmed_again(seen: Snapshot) -> Snapshot:
    return replace(seen, told=[*seen.told, *seen.told])


def with_request(*amounts: int, times: int = 1, **changes: Any) -> Tampering:
    """The desk asked for a refund of 5, and Stripe has paid these amounts for it."""

    def tamper(seen: Snapshot) -> Snapshot:
        asked = RequestRow("f" * 32, paid(seen).id, 5, "", "", False, {}, False)
        refunds = {
            f"re_{number}": {
                "id": f"re_{number}",
                "amount": amount,
                "status": "succeeded",
                "metadata": {"request_id": asked.id},
            }
            for number, amount in enumerate(amounts)
        }
        return replace(seen, requests=[replace(asked, **changes)] * times, refunds=refunds)

    return tamper


TAMPERINGS: list[tuple[Tampering, str]] = [
    (an_order_is_gone, "is paid and its order is not there"),
    (with_order(status="EXPIRED"), "is paid and its order is EXPIRED"),
    (with_order(session_id="cs_other"), "is paid and its order does not know it"),
    (with_order(session_id="cs_other"), "Stripe never opened cs_other"),
    (with_order(status="REVIEW", received_cents=1), r"came in, \d+ was the price"),
    (with_order(currency="eur"), r"'eur'\), and its session brought"),
    (with_order(payment_intent="pi_other"), "does not know its payment pi_"),
    (with_order(dispute_result="lost"), "has a dispute that Stripe does not know"),
    (with_order(dispute_result="lost"), "The dispute is None, and .* says 'lost'"),
    (with_order(refunded_cents=7), "says 7"),
    (with_order(status="REFUNDED"), r"Stripe gave \d+ of \d+ back: \w+ is REFUNDED"),
    (with_order(status="PENDING"), "is PENDING and should be PAID"),
    (with_order(discount_cents=1), r"costs \d+, its parts \S+, and \d+ came in"),
    (with_order(goods_cents=1), r"costs \d+, its parts \S+, and \d+ came in"),
    (with_order(received_cents=1), "and 1 came in"),
    (with_order(goods_cents=1), "is PAID with other goods than was offered"),
    (with_details(amount_shipping=1), "is PAID with other delivery than was offered"),
    (with_details(amount_tax=1), "is PAID with other tax than was offered"),
    (without_codes_in_its_offer, "is PAID with other discount than was offered"),
    (with_order(tax_cents=1), r"Stripe took \(\d+, \d+, 0\) besides .* says \(\d+, \d+, 1\)"),
    (with_order(shipped_at="today", status="FAILED"), "is FAILED and was shipped"),
    (with_session(payment_status="unpaid", status="expired"), "is PAID without a payment"),
    (with_session(amount_total=1), r"and its session brought \[\(1,"),
    (with_session(id="cs_second"), "is paid 2 times and does not say so"),
    (two_orders_have_one_session, "belongs to 2 orders"),
    (two_orders_have_one_session, "was opened for another order"),
    (two_orders_have_one_session, "is paid and order 0{32} claims it"),
    (one_more_is_in_stock, r"Of \d+ of product \d+ \d+ are left, \d+ reserved and \d+ sold"),
    (a_paid_order_reserves_something, "is PAID and reserves 1"),
    (a_failed_order_keeps_what_left_the_cart, "is FAILED and keeps 1"),
    (what_a_bank_is_paying_stays_in_the_cart, "is PROCESSING and left"),
    (a_confirmation_is_gone, "is PAID, with 0 confirmations"),
    (a_confirmation_is_gone, "was confirmed, and nothing calls for it"),
    (a_confirmation_is_there_twice, ", with 2 confirmations"),
    (no_event_is_applied, "is PAID, by no event"),
    (its_event_is_there_twice, "is recorded 2 times"),
    (with_event(event_id="evt_forged"), "evt_forged is recorded, and Stripe never sent it"),
    (an_event_is_sent_and_lost, "evt_lost is not recorded"),
    (with_confirmation(is_sent=False, is_claimed=False), "is not sent and came 1 times"),
    (with_order(refunded_cents=10**9), "has paid back 1000000000, which is too much"),
    (with_request(5, 5), "Stripe paid 2 times for request f+"),
    (with_request(6), "Stripe paid 6 for 5 of f+"),
    (with_request(5, refund_id="re_other"), "claims the refund re_other"),
    (with_request(is_open=True, times=2), "has 2 open requests"),
    (with_request(is_restocked=True), "put goods back, and Stripe paid nothing"),
    (with_request(is_open=True), "waits for ever"),
    (with_request(5, error="No."), "Stripe paid 1 times for request f+: 'No.'"),
    (with_request(), "Stripe paid 0 times for request f+: ''"),
    (every_order_is_confirmed_again, "is sent and came 2 times"),
]
