"""Each takes one guard out of the shop that runs it, so that a test can show what it guards.

Where the shop lets the database decide, these read, wait and write, as one is tempted to.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import stripe
from django.conf import settings
from django.db import connections, transaction
from django.db.models import F

from checkout import (
    events,
    leases,
    limits,
    ordering,
    outbox,
    payments,
    requested,
    superseding,
    telling,
)
from checkout.gateway import calls
from checkout.management.commands import reconcile_orders, work
from checkout.models import Lease, Message, Order, OrderItem, StripeEvent
from checkout.reading import Json
from checkout.requested import CannotOrder, RequestedOrder
from merchant import order_page, refunding, shipping, shop
from merchant.models import Parcel, RefundRequest
from merchant.refunding import NotRefunded
from storefront import stock, views
from storefront.admin.product_form import ProductForm
from storefront.models import CartLine, Product, Reservation, Shop
from storefront.ops import bulkhead
from storefront.ops.bulkhead import Bulkhead
from storefront.ops.mailing import Post

# Wide enough for all others to come in between.
WINDOW_SECONDS = 0.05
PAUSE = "Pausing before the commit."
PAUSE_SECONDS = 30
OVER = "The moment is over."
MOMENT_SECONDS = 0.3
WORKER_OF_TESTS = ("the_worker_hurries", "rounds_leave_a_trace")

logger = logging.getLogger("checkout")


def moves_read_then_write() -> None:
    def move(
        self: Order, target: str, *, sources: Iterable[str], session_id: str, **changes: Any
    ) -> bool:
        order = Order.objects.get(pk=self.pk)
        time.sleep(WINDOW_SECONDS)
        if order.status not in sources or order.session_id not in (None, session_id):
            return False
        rows = Order.objects.filter(pk=self.pk)
        return rows.update(status=target, session_id=session_id, **changes) == 1

    setattr(Order, "move", move)  # noqa: B010


def webhooks_have_no_transaction() -> None:
    without_transactions(events, payments)


def without_transactions(*modules: ModuleType) -> None:
    for module in modules:
        vars(module)["transaction"] = SimpleNamespace(atomic=lambda **_: nullcontext())


def event_ids_repeat() -> None:
    insert = events.insert_event

    def insert_under_another_id(event: StripeEvent) -> None:
        event.event_id += f"#{uuid4().hex}"
        insert(event)

    vars(events)["insert_event"] = insert_under_another_id


def sqlite_locks_at_the_first_write() -> None:
    """SQLite's own default, which fails a transaction that has read what is stale by then."""
    connections.settings["default"]["OPTIONS"].pop("transaction_mode")


def sessions_are_not_adopted() -> None:
    """Only the session that we noted ourselves counts."""
    move = Order.move

    def move_what_is_known(self: Order, *args: Any, **kwargs: Any) -> bool:
        known = Order.objects.filter(pk=self.pk, session_id__isnull=False)
        return known.exists() and move(self, *args, **kwargs)

    setattr(Order, "move", move_what_is_known)  # noqa: B010


def webhooks_pause_before_the_commit() -> None:
    """No guard is missing here: there is time to be killed in."""
    move = Order.move

    def move_and_wait(self: Order, *args: Any, **kwargs: Any) -> bool:
        won = move(self, *args, **kwargs)
        logger.info(PAUSE)
        time.sleep(PAUSE_SECONDS)
        return won

    setattr(Order, "move", move_and_wait)  # noqa: B010


def events_are_recorded_after_the_commit() -> None:
    """What an event does is one transaction, its note another, and the server dies between."""

    def on_its_own(
        handle: Callable[[Json, Json], StripeEvent],
    ) -> Callable[[Json, Json], StripeEvent]:
        def handle_and_commit(event: Json, thing: Json) -> StripeEvent:
            with transaction.atomic():
                result = handle(event, thing)
            if result.outcome == StripeEvent.Outcome.APPLIED:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return handle_and_commit

    altered: dict[str, Any] = {kind: on_its_own(do) for kind, do in events.HANDLERS.items()}
    events.HANDLERS.update(altered)
    webhooks_have_no_transaction()


def open_orders_repeat() -> None:
    """Look for an open order and make one if there is none, past the constraint."""

    def place_order(shopper: UUID, wanted: RequestedOrder, now: datetime, sender: str) -> Order:
        if same := Order.objects.for_shopper(shopper).open().first():
            return same
        time.sleep(WINDOW_SECONDS)
        return ordering._store_order(shopper, wanted, now, sender)

    # An empty one is outside of the constraint's condition.
    setattr(RequestedOrder, "fingerprint", "")  # noqa: B010
    setattr(ordering, "place_order", place_order)  # noqa: B010


def other_tabs_are_looked_for_once() -> None:
    """Before the order is stored, when one of another tab may be about to be."""
    place = ordering.place_order

    def place_order(*args: Any) -> Order:
        time.sleep(WINDOW_SECONDS)
        return place(*args)

    setattr(superseding, "close_those_beside", lambda order, now: None)  # noqa: B010
    setattr(ordering, "place_order", place_order)  # noqa: B010


def stripe_is_asked_without_a_key() -> None:
    create = stripe.checkout.SessionService.create

    def create_another(self: Any, params: Any, options: Any = None) -> Any:
        return create(self, params)

    setattr(stripe.checkout.SessionService, "create", create_another)  # noqa: B010


def any_number_may_wait_for_stripe() -> None:
    setattr(calls, "line", Bulkhead("Stripe", threads=0))  # noqa: B010


def stripe_may_take_a_minute() -> None:
    setattr(calls, "READ_SECONDS", 60)  # noqa: B010


def second_clicks_are_patient() -> None:
    setattr(bulkhead, "PATIENCE_SECONDS", 60)  # noqa: B010


def carts_are_written_whole() -> None:
    """As a cart in a session is."""

    def set_quantity(shopper: UUID, product: Product, quantity: int) -> int:
        cart = {line.product_id: line.quantity for line in CartLine.objects.for_shopper(shopper)}
        time.sleep(WINDOW_SECONDS)
        CartLine.objects.filter(shopper=shopper).delete()
        for pk, number in {**cart, product.pk: quantity}.items():
            CartLine.objects.update_or_create(
                shopper=shopper, product_id=pk, defaults={"quantity": number}
            )
        return 0

    setattr(views, "set_quantity", set_quantity)  # noqa: B010


def cart_lines_are_looked_up_then_added() -> None:
    def set_quantity(shopper: UUID, product: Product, quantity: int) -> int:
        line = CartLine.objects.filter(shopper=shopper, product=product).first()
        time.sleep(WINDOW_SECONDS)
        line = line or CartLine(shopper=shopper, product=product)
        line.quantity = quantity
        line.save()
        return 0

    setattr(views, "set_quantity", set_quantity)  # noqa: B010


def stock_is_read_then_written() -> None:
    def reserve(order: UUID, shopper: UUID, wanted: Iterable[tuple[Product, int]]) -> bool:
        for product, quantity in wanted:
            left = Product.objects.get(pk=product.pk).stock or 0
            if left < quantity:
                raise stock.SoldOut(product)
            time.sleep(WINDOW_SECONDS)
            Product.objects.filter(pk=product.pk).update(stock=left - quantity)
            Reservation.objects.create(
                order=order, shopper=shopper, product=product, quantity=quantity
            )
        return True

    setattr(stock, "reserve", reserve)  # noqa: B010


def addresses_count() -> None:
    """As in a shop that says nothing of them."""
    settings.OPEN_ORDERS_PER_ADDRESS = 500


def shares_are_counted_first() -> None:
    """Count what an address holds, wait, and then reserve."""
    place = ordering.place_order

    def place_order(shopper: UUID, wanted: RequestedOrder, now: datetime, sender: str) -> Order:
        for item in wanted.items:
            theirs = Order.objects.filter(sender=sender).values("pk")
            rows = Reservation.objects.filter(product=item.product, order__in=theirs)
            held = sum(rows.values_list("quantity", flat=True))
            left = Product.objects.get(pk=item.product.pk).stock or 0
            if held + item.quantity > (left + held) // 2:
                raise CannotOrder("half of it")
        time.sleep(WINDOW_SECONDS)
        return place(shopper, wanted, now, sender)

    setattr(limits, "refuse_more_than_a_share", lambda order: None)  # noqa: B010
    setattr(ordering, "place_order", place_order)  # noqa: B010


def orders_have_no_transaction() -> None:
    without_transactions(ordering)


def stock_is_taken_in_any_order() -> None:
    """Half of the carts begin at the other end of the shelf."""

    def reserve(order: UUID, shopper: UUID, wanted: Iterable[tuple[Product, int]]) -> bool:
        backwards = order.int % 2 == 1
        for product, quantity in sorted(wanted, key=lambda line: line[0].pk, reverse=backwards):
            Product.objects.filter(pk=product.pk).update(stock=F("stock") - quantity)
            time.sleep(WINDOW_SECONDS)
        return True

    setattr(stock, "reserve", reserve)  # noqa: B010


def stock_is_released_by_every_caller() -> None:
    def release(order: UUID) -> None:
        holds = list(Reservation.objects.filter(order=order))
        time.sleep(WINDOW_SECONDS)
        for reservation in holds:
            Reservation.objects.filter(pk=reservation.pk).delete()
            Product.objects.filter(pk=reservation.product_id).update(
                stock=F("stock") + reservation.quantity
            )

    setattr(stock, "release", release)  # noqa: B010


def shipping_reads_then_writes() -> None:
    def ship(order: Order, parcel: Parcel, now: datetime) -> None:
        if not shipping.orders_to_ship().filter(pk=order.pk).exists():
            raise shipping.NotShipped
        time.sleep(WINDOW_SECONDS)
        Order.objects.filter(pk=order.pk).update(shipped_at=now)
        parcel.order, parcel.shipped_at = order, now
        parcel.save()
        telling.shipped(order, parcel.pk)

    setattr(shipping, "ship", ship)  # noqa: B010


def the_desk_reads_then_writes() -> None:
    """A second parcel, a note, and what is settled."""

    def add_parcel(order: Order, parcel: Parcel, shown: str, now: datetime) -> None:
        if str(Parcel.objects.filter(order=order).count()) != shown:
            raise shipping.NotShipped
        time.sleep(WINDOW_SECONDS)
        parcel.order, parcel.shipped_at = order, now
        parcel.save()
        telling.shipped(order, parcel.pk)

    def write_note(self: Order, note: str, *, seen: str) -> bool:
        if Order.objects.get(pk=self.pk).note != seen:
            return False
        time.sleep(WINDOW_SECONDS)
        return Order.objects.filter(pk=self.pk).update(note=note) == 1

    def settle(self: Order, reason: str) -> bool:
        if Order.objects.get(pk=self.pk).review_reason != reason:
            return False
        time.sleep(WINDOW_SECONDS)
        return Order.objects.filter(pk=self.pk).update(review_reason="") == 1

    setattr(shipping, "add_parcel", add_parcel)  # noqa: B010
    setattr(Order, "write_note", write_note)  # noqa: B010
    setattr(Order, "settle", settle)  # noqa: B010
    without_transactions(order_page)


def refunds_are_looked_for_then_stored() -> None:
    """And outside of the index, which knows open ones alone."""

    def store(request: RefundRequest, order: Order, seen: int) -> None:
        if RefundRequest.objects.filter(order=order).exists():
            raise NotRefunded
        time.sleep(WINDOW_SECONDS)
        request.order, request.closed_at = order, request.asked_at
        request.save()

    setattr(refunding, "store", store)  # noqa: B010
    setattr(RefundRequest, "may_be_repeated", lambda request, now: True)  # noqa: B010


def stock_comes_back_with_each_event() -> None:
    """Whether it has come back is not looked at again."""

    def restock(request: RefundRequest, at: datetime) -> None:
        items = OrderItem.objects.filter(order=request.order_id)
        stock.put_back({item.product_id: request.restock[str(item.pk)] for item in items})  # type: ignore[misc]

    setattr(refunding, "_restock", restock)  # noqa: B010


def shops_are_read_then_written() -> None:
    def change(seen: int, values: Mapping[str, Any]) -> bool:
        if Shop.this().version != seen:
            return False
        time.sleep(WINDOW_SECONDS)
        return Shop.objects.filter(pk=1).update(version=seen + 1, **values) == 1

    setattr(Shop, "change", change)  # noqa: B010
    without_transactions(shop)


def products_are_saved_unseen() -> None:
    setattr(ProductForm, "told", ())  # noqa: B010


def buy_trusts_its_memory() -> None:
    """Look at what the process knows of the shop, as pages do."""
    vars(requested)["Shop"] = SimpleNamespace(read=Shop.current)


def messages_are_read_then_sent() -> None:
    def send(message: Message, now: datetime, post: Post) -> bool:
        if not Message.objects.due(now).filter(pk=message.pk).exists():
            return False
        time.sleep(WINDOW_SECONDS * 10)  # so that workers meet that did not begin at once
        post.send(outbox._envelope(message))
        Message.objects.filter(pk=message.pk).update(claimed_at=now, sent_at=now)
        return True

    setattr(outbox, "_send", send)  # noqa: B010


def leases_are_short() -> None:
    settings.LEASE = timedelta(seconds=2)


def the_worker_hurries() -> None:
    leases_are_short()
    settings.ROUND = timedelta(seconds=MOMENT_SECONDS)
    setattr(work, "TICK_SECONDS", MOMENT_SECONDS)  # noqa: B010


def rounds_leave_a_trace() -> None:
    """Each takes a moment, and says in a file who began and ended it."""
    go_round = reconcile_orders.Command._go_round

    def trace(words: str) -> None:
        with open(os.environ["TRACE"], "a") as file:
            file.write(f"{os.getpid()} {words}\n")

    def traced(self: reconcile_orders.Command, older_than: timedelta) -> None:
        trace("begins")
        time.sleep(MOMENT_SECONDS)
        go_round(self, older_than)
        trace("ends")

    setattr(reconcile_orders.Command, "_go_round", traced)  # noqa: B010


def every_process_has_the_lease() -> None:
    setattr(Lease, "take", lambda name, holder: True)  # noqa: B010
    setattr(Lease, "renew", lambda name, holder: True)  # noqa: B010
    setattr(Lease, "release", lambda holder, **which: True)  # noqa: B010


def each_fork_is_a_holder() -> None:
    """As a process is that has begun by itself."""
    setattr(leases, "HOLDER", f"fork:{os.getpid()}:")  # noqa: B010


def lost_leases_go_unnoticed() -> None:
    setattr(leases, "end_when_lost", lambda: None)  # noqa: B010


def messages_are_not_claimed() -> None:
    def send(message: Message, now: datetime, post: Post) -> bool:
        post.send(outbox._envelope(message))
        return Message.objects.filter(pk=message.pk).update(claimed_at=now, sent_at=now) == 1

    setattr(outbox, "_send", send)  # noqa: B010


def messages_take_a_moment() -> None:
    """It passes after the worker has seen that one is due, and before it is sent."""
    send = outbox._send

    def send_later(message: Message, now: datetime, post: Post) -> bool:
        logger.info(PAUSE)
        time.sleep(MOMENT_SECONDS * 10)
        is_sent = send(message, now, post)
        logger.info(OVER)
        return is_sent

    setattr(outbox, "_send", send_later)  # noqa: B010


def the_worker_outlives_its_server() -> None:
    setattr(work, "_watch_server", lambda is_over: None)  # noqa: B010
