"""What must be true of the shop's database and Stripe's ledger, whatever happened in between.

An invariant yields complaints, in words. It reads a snapshot and nothing else, so that a test
can tamper with one and see what is noticed. It shares no code with the shop: every rule is
worked out here once more, from the rows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from tools.snapshot import Line, OrderRow, Snapshot, is_paid, order_of
from tools.stripe_stand_in.shapes import Json
from tools.stripe_stand_in.webhooks import ENABLED_EVENTS

SOLD = ("PAID", "REFUNDED")
MONEY_ARRIVED = (*SOLD, "REVIEW")
# The shop takes note of those that come, and asks for none that was lost.
UNNEEDED = ("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated")
BROUGHT_BACK = "Brought back from Stripe"
Invariant = Callable[[Snapshot], Iterator[str]]


def complaints(seen: Snapshot, invariants: Iterable[Invariant]) -> list[str]:
    """Say everything that is wrong; nothing if all is well."""
    return [complaint for invariant in invariants for complaint in invariant(seen)]


# At any moment


def no_payment_is_invented(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        if order.status not in MONEY_ARRIVED:
            continue
        paid = [session for session in seen.sessions_of[order.id] if is_paid(session)]
        if not paid:
            yield f"Order {order.id} is {order.status} without a payment."
        own = [session for session in paid if session["id"] == order.session_id]
        money = [(session["amount_total"], session["currency"]) for session in own]
        price = order.total_cents, order.currency
        if order.is_sold and money != [price]:
            yield f"Order {order.id} costs {price}, and its session brought {money}."


def the_parts_make_the_total(seen: Snapshot) -> Iterator[str]:
    """What was received is goods, less the discount, and delivery, and tax that is not within."""
    for order in seen.orders:
        if not order.is_sold:
            continue
        tax = order.tax_cents if _offered(order)["tax"] == "exclusive" else 0
        parts = order.goods_cents - order.discount_cents + order.shipping_cents + tax
        if not parts == order.total_cents == order.received_cents:
            total, received = order.total_cents, order.received_cents
            yield f"Order {order.id} costs {total}, its parts {parts}, and {received} came in."


def nothing_is_sold_for_what_was_not_offered(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        session = seen.sessions.get(order.session_id or "")
        if not order.is_sold or not session or order.offer is None:
            continue
        offer, took = _offered(order), session["total_details"]
        rate = (session["shipping_cost"] or {}).get("shipping_rate")
        ways = offer["shipping"] or [{"cents": 0, "rate": rate}]
        fits = {
            "goods": session["amount_subtotal"] == order.goods_cents,
            "delivery": any(
                way["cents"] == took["amount_shipping"] and way["rate"] in ("", rate)
                for way in ways
            ),
            "discount": offer["codes"] or not took["amount_discount"],
            "tax": offer["tax"] != "off" or not took["amount_tax"],
        }
        for part in (part for part, is_right in fits.items() if not is_right):
            yield f"Order {order.id} is {order.status} with other {part} than was offered."


def what_stripe_took_is_kept(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        session = seen.sessions.get(order.session_id or "")
        if not order.is_sold or not session or order.offer is None:
            continue
        ours = order.discount_cents, order.shipping_cents, order.tax_cents
        took = session["total_details"]
        theirs = tuple(took[f"amount_{part}"] for part in ("discount", "shipping", "tax"))
        if ours != theirs:
            yield f"Stripe took {theirs} besides the goods, and order {order.id} says {ours}."


def _offered(order: OrderRow) -> Json:
    return {"shipping": [], "codes": False, "tax": "off", **(order.offer or {})}


def what_is_shipped_is_paid(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        if order.shipped_at and order.status not in SOLD:
            yield f"Order {order.id} is {order.status} and was shipped."


def no_dispute_is_invented(seen: Snapshot) -> Iterator[str]:
    disputed = {dispute["payment_intent"] for dispute in seen.disputes.values()}
    for order in seen.orders:
        if (order.disputed_at or order.dispute_result) and order.payment_intent not in disputed:
            yield f"Order {order.id} has a dispute that Stripe does not know."


def a_session_belongs_to_one_order(seen: Snapshot) -> Iterator[str]:
    counts = Counter(order.session_id for order in seen.orders if order.session_id)
    for session_id, count in counts.items():
        if count > 1:
            yield f"{session_id} belongs to {count} orders."
        if session_id not in seen.sessions:
            yield f"Stripe never opened {session_id}."
    for order in seen.orders:
        session = seen.sessions.get(order.session_id or "")
        if session and order_of(session) != order.id:
            yield f"{session['id']} of order {order.id} was opened for another order."


def stock_adds_up(seen: Snapshot) -> Iterator[str]:
    reserved, sold = _by_product(seen.reservations), _by_product(seen.sold)
    for product, left in seen.stock.items():
        expected = seen.expected.get(product)
        if left is None:
            continue
        if left < 0:
            yield f"Product {product} has a stock of {left}."
        if expected is not None and left + reserved[product] + sold[product] != expected:
            yield (
                f"Of {expected} of product {product} {left} are left, "
                f"{reserved[product]} reserved and {sold[product]} sold."
            )


def _by_product(lines: Iterable[Line]) -> Counter[int]:
    total: Counter[int] = Counter()
    for line in lines:
        total[line.product] += line.quantity
    return total


def what_left_a_cart_is_being_paid(seen: Snapshot) -> Iterator[str]:
    """It leaves when a bank begins to pay, and is back once the bank has failed."""
    for line in seen.set_aside:
        order, kept = seen.order.get(line.order), f"{line.quantity} of {line.product}"
        if order and order.status not in ("PROCESSING", *MONEY_ARRIVED):
            yield f"Order {line.order} is {order.status} and keeps {kept}."
    asked = {(line.order, line.product) for line in seen.set_aside}
    for line in seen.items:
        order = seen.order.get(line.order)
        if order and order.status == "PROCESSING" and (line.order, line.product) not in asked:
            yield f"Order {line.order} is PROCESSING and left {line.product} in the cart."


def no_event_is_recorded_twice(seen: Snapshot) -> Iterator[str]:
    sent = {event["id"] for event in seen.sent}
    for event_id, count in _recorded(seen).items():
        if count > 1:
            yield f"{event_id} is recorded {count} times."
        if event_id not in sent and not event_id.startswith("reconciled_"):
            yield f"{event_id} is recorded, and Stripe never sent it."


def _recorded(seen: Snapshot) -> Counter[str]:
    """The events by id; a test that lets ids repeat tells them apart behind a #."""
    return Counter(event.event_id.partition("#")[0] for event in seen.events)


def each_payment_is_applied_once(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        count = seen.confirmations[order.id]
        is_sold = order.status == "PAID" or order.id in seen.sales
        if count > 1 or (is_sold and count != 1):
            yield f"Order {order.id} is {order.status}, with {count} confirmations."


def each_payment_is_applied_by_an_event(seen: Snapshot) -> Iterator[str]:
    """The note of it comes with the move: a second delivery of the event changes nothing."""
    applied = {event.order for event in seen.events if event.is_applied}
    for order in seen.orders:
        if order.is_sold and order.id not in applied:
            yield f"Order {order.id} is {order.status}, by no event."


def no_order_is_confirmed_twice(seen: Snapshot) -> Iterator[str]:
    for order, count in Counter(seen.told).items():
        if count > 1:
            yield f"Order {order} was confirmed {count} times."
        if not seen.confirmations[order]:
            yield f"Order {order} was confirmed, and nothing calls for it."


def no_more_goes_back_than_came(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        if order.refunded_cents > (order.received_cents or order.total_cents):
            yield f"Order {order.id} has paid back {order.refunded_cents}, which is too much."


def each_request_is_one_refund_at_most(seen: Snapshot) -> Iterator[str]:
    for request in seen.requests:
        refunds = seen.refunds_for(request)
        if len(refunds) > 1:
            yield f"Stripe paid {len(refunds)} times for request {request.id}."
        for refund in refunds:
            if refund["amount"] != request.amount_cents:
                yield f"Stripe paid {refund['amount']} for {request.amount_cents} of {request.id}."
            if request.refund_id not in ("", refund["id"]):
                yield f"Request {request.id} claims the refund {request.refund_id}."
    for order, count in Counter(r.order for r in seen.requests if r.is_open).items():
        if count > 1:
            yield f"Order {order} has {count} open requests."


def what_is_put_back_was_paid_back(seen: Snapshot) -> Iterator[str]:
    for request in seen.requests:
        if request.is_restocked and not seen.refunds_for(request):
            yield f"Request {request.id} put goods back, and Stripe paid nothing."


# When everything is delivered and reconciled


def no_payment_is_lost(seen: Snapshot) -> Iterator[str]:
    for session in seen.paid_sessions:
        id, order = session["id"], seen.order.get(order_of(session))
        if order is None:
            yield f"{id} is paid and its order is not there."
        elif order.status not in MONEY_ARRIVED:
            yield f"{id} is paid and its order is {order.status}."
        elif not (_is_price_of(session, order) or _is_marked_on(session, order)):
            yield f"{id} is paid and its order does not know it."
        for other in seen.orders:
            if other is not order and (other.session_id == id or id in other.review_reason):
                yield f"{id} is paid and order {other.id} claims it."


def _is_price_of(session: Json, order: OrderRow) -> bool:
    return order.is_sold and order.session_id == session["id"]


def _is_marked_on(session: Json, order: OrderRow) -> bool:
    """Whether the merchant sees on the order what came in, in figures or in words."""
    is_held = order.status in MONEY_ARRIVED and not order.is_sold
    is_own = is_held and order.session_id == session["id"]
    is_in_words = session["id"] in order.review_reason.replace(",", " ").split()
    return is_in_words or (is_own and order.received_cents == session["amount_total"])


def the_money_adds_up(seen: Snapshot) -> Iterator[str]:
    prices = {order.session_id: order.total_cents for order in seen.orders if order.is_sold}
    marked = sum(
        session["amount_total"]
        for session in seen.paid_sessions
        if session["id"] not in prices
        and any(_is_marked_on(session, order) for order in seen.orders)
    )
    money_in = sum(session["amount_total"] for session in seen.paid_sessions)
    if money_in != sum(prices.values()) + marked:
        yield f"{money_in} came in, {sum(prices.values())} was the price, {marked} is marked."


def no_second_payment_is_silent(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        paid = [session["id"] for session in seen.sessions_of[order.id] if is_paid(session)]
        if len(paid) > 1 and not order.review_reason:
            yield f"Order {order.id} is paid {len(paid)} times and does not say so."


def states_are_as_stripe_says(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        right = _right_statuses(seen, order)
        if order.status not in right:
            yield f"Order {order.id} is {order.status} and should be {' or '.join(right)}."


def _right_statuses(seen: Snapshot, order: OrderRow) -> list[str]:
    """Its own session decides; money of another one is for the merchant to look at."""
    sessions = seen.sessions_of[order.id]
    own = [session for session in sessions if session["id"] == order.session_id]
    right = {status for session in own or sessions for status in _statuses_by(seen, session)}
    if not own and not sessions:
        right = {"PENDING"}
    elif any(is_paid(session) for session in sessions):
        right.add("REVIEW")
    return sorted(right)


def _statuses_by(seen: Snapshot, session: Json) -> tuple[str, ...]:
    if session["status"] == "open":
        return ("PENDING",)
    if session["status"] == "expired":
        return ("EXPIRED",)
    if is_paid(session):
        return MONEY_ARRIVED
    is_awaited = seen.intents[session["payment_intent"]]["status"] == "processing"
    return ("PROCESSING",) if is_awaited else ("FAILED",)


def nothing_is_reserved_in_vain(seen: Snapshot) -> Iterator[str]:
    for line in seen.reservations:
        order = seen.order.get(line.order)
        is_open = any(session["status"] == "open" for session in seen.sessions_of[line.order])
        status = order.status if order else "not there"
        if status not in ("PROCESSING", "REVIEW") and not (status == "PENDING" and is_open):
            yield f"Order {line.order} is {status} and reserves {line.quantity} of {line.product}."


def every_event_is_recorded(seen: Snapshot) -> Iterator[str]:
    recorded = _recorded(seen)
    for event in seen.sent:
        is_for_us = event["type"] in ENABLED_EVENTS and event["type"] not in UNNEEDED
        if is_for_us and event["id"] not in seen.optional and not recorded[event["id"]]:
            yield f"{event['type']} {event['id']} is not recorded."


def each_confirmation_is_sent_once(seen: Snapshot) -> Iterator[str]:
    """A worker that is killed in the middle of one has claimed it, and no other sends it again.

    An order that a restored backup did not hold was confirmed by the shop that was lost.
    """
    told = Counter(seen.told)
    for message in seen.messages:
        count, order = told[message.order], seen.order.get(message.order)
        is_rebuilt = order is not None and BROUGHT_BACK in order.review_reason
        is_unsure = message.is_claimed or (message.is_given_up and is_rebuilt)
        is_as_noted = count == 1 if message.is_sent else is_unsure and count <= 1
        if not is_as_noted:
            sent = "sent" if message.is_sent else "not sent"
            yield f"The confirmation of order {message.order} is {sent} and came {count} times."


def each_payment_is_known(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        session = seen.sessions.get(order.session_id or "")
        intent = session["payment_intent"] if session and is_paid(session) else None
        if intent and intent != order.payment_intent:
            yield f"Order {order.id} does not know its payment {intent}."


def refunds_are_as_in_the_ledger(seen: Snapshot) -> Iterator[str]:
    for order in seen.orders:
        charge = seen.charge_of(order.payment_intent) or {"amount": None, "amount_refunded": 0}
        back = charge["amount_refunded"]
        if order.refunded_cents != back:
            yield f"Stripe gave {back} back, and order {order.id} says {order.refunded_cents}."
        if (order.status == "REFUNDED") != (back == charge["amount"]):
            yield f"Stripe gave {back} of {charge['amount']} back: {order.id} is {order.status}."


def every_request_has_its_answer(seen: Snapshot) -> Iterator[str]:
    for request in seen.requests:
        paid = [refund for refund in seen.refunds_for(request) if refund["status"] != "failed"]
        if request.is_open:
            yield f"Request {request.id} waits for ever."
        elif bool(paid) == bool(request.error):
            yield f"Stripe paid {len(paid)} times for request {request.id}: {request.error!r}."


def disputes_are_as_in_the_ledger(seen: Snapshot) -> Iterator[str]:
    newest = {dispute["payment_intent"]: dispute["status"] for dispute in seen.disputes.values()}
    for order in seen.orders:
        status = newest.get(order.payment_intent)
        result = status if status in ("won", "lost") else ""
        is_open = status in ("needs_response", "lost")
        if (order.dispute_result, bool(order.disputed_at)) != (result, is_open):
            yield f"The dispute is {status}, and order {order.id} says {order.dispute_result!r}."


ALWAYS: tuple[Invariant, ...] = (
    no_payment_is_invented,
    the_parts_make_the_total,
    nothing_is_sold_for_what_was_not_offered,
    what_stripe_took_is_kept,
    what_is_shipped_is_paid,
    no_dispute_is_invented,
    a_session_belongs_to_one_order,
    stock_adds_up,
    what_left_a_cart_is_being_paid,
    no_event_is_recorded_twice,
    each_payment_is_applied_once,
    each_payment_is_applied_by_an_event,
    no_order_is_confirmed_twice,
    no_more_goes_back_than_came,
    each_request_is_one_refund_at_most,
    what_is_put_back_was_paid_back,
)
AT_REST: tuple[Invariant, ...] = (
    *ALWAYS,
    no_payment_is_lost,
    the_money_adds_up,
    no_second_payment_is_silent,
    states_are_as_stripe_says,
    nothing_is_reserved_in_vain,
    every_event_is_recorded,
    each_confirmation_is_sent_once,
    each_payment_is_known,
    refunds_are_as_in_the_ledger,
    every_request_has_its_answer,
    disputes_are_as_in_the_ledger,
)
