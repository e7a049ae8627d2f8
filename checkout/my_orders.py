"""My Orders: what a shopper sees of the orders, and when to ask again."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import FETCH_RAISE, Case, Q, Value, When
from django.urls import reverse

from checkout.models import WAITING, Order, OrderItem, OrderQuerySet
from storefront.ops.compiled_queries import CompiledQuery

Status = Order.Status

PAGE_SIZE = 10
LAST_PAGE = 1_000
FIELDS = (
    *("status", "superseded_at", "created_at", "paid_at", "shopper"),
    *("total_cents", "currency", "refunded_cents", "disputed_at"),
    *("session_id", "session_url", "session_expires_at"),
)
NEWS = {
    Status.PAID: "is paid",
    Status.REFUNDED: "is refunded",
    Status.FAILED: "could not be paid; nothing was charged",
    Status.REVIEW: "is being checked by the shop",
    Status.EXPIRED: "has expired; nothing was charged",
}


def update_of(order: Order) -> str:
    """What to announce of an order that has changed; nothing while it waits."""
    words = NEWS.get(Status(order.status))
    return f"Order {order.reference} {words}." if words else ""


def pace(since: float) -> int:
    """Return the seconds between two looks: quick at first, then ever calmer.

    `since` is when the waiting began, in seconds as `time.time` counts them.
    """
    age = time.time() - since
    return 1 if age < 30 else 5 if age < 300 else 30


@dataclass(frozen=True)
class PollState:
    """What the browser shows, as it says itself: read from the address, never trusted.

    `order` is the one just returned to, `canceled` whether from Stripe's Back link, `since`
    when the page was opened (seconds), `seen` the version shown, `waiting` the references
    that were waiting in it, `page` how far back it looks, from 1, and `beside_cart` whether
    the panel stands beside the cart.
    """

    order: UUID | None
    canceled: bool
    since: int
    seen: str = ""
    waiting: tuple[str, ...] = ()
    page: int = 1
    beside_cart: bool = False

    @classmethod
    def read(cls, query: Mapping[str, str], now: float) -> "PollState":
        canceled = _uuid(query.get("canceled", ""))
        since = _number(query.get("since", ""))
        return cls(
            order=canceled or _uuid(query.get("order", "")),
            canceled=canceled is not None,
            since=since if 0 < since <= now else int(now),
            seen=query.get("seen", ""),
            waiting=tuple(query.get("waiting", "").split(",")[:PAGE_SIZE]),
            page=min(max(_number(query.get("page", "")), 1), LAST_PAGE),
            beside_cart=query.get("cart") == "beside",
        )


@dataclass(frozen=True)
class MyOrders:
    """The newest orders of a shopper, those that wait for money first; one query so far."""

    orders: list[Order]
    watch: PollState
    older_page: int = 0
    """The page to go on with, 0 if these are all."""

    @property
    def is_waiting(self) -> bool:
        return any(order.is_waiting for order in self.orders)

    @property
    def is_unchanged(self) -> bool:
        return self.watch.seen == self.version

    @cached_property
    def version(self) -> str:
        """Differs whenever the panel would look different, or should ask at another pace."""
        states = [
            (order.pk.hex, order.status, order.refunded_cents, order.disputed_at)
            for order in self.orders
        ]
        watch = self.watch
        shown = repr((states, watch.order, watch.canceled, self.poll_interval))
        return hashlib.blake2b(shown.encode(), digest_size=8).hexdigest()

    @property
    def poll_interval(self) -> int:
        """By the newest order that waits, or by when its shopper came back; 0 if none waits."""
        began = [
            self.watch.since if order == self.returned_to else order.created_at.timestamp()
            for order in self.orders
            if order.is_waiting
        ]
        return pace(max(began)) if began else 0

    @property
    def references_waiting(self) -> str:
        return ",".join(order.reference for order in self.orders if order.is_waiting)

    @property
    def poll_url(self) -> str:
        """The address to ask for news, or nothing when there is nothing to wait for."""
        if not self.is_waiting:
            return ""
        query: dict[str, object] = {
            "seen": self.version,
            "since": self.watch.since,
            "waiting": self.references_waiting,
        }
        if self.watch.page > 1:
            query["page"] = self.watch.page
        if self.watch.beside_cart:
            query["cart"] = "beside"
        if self.watch.order:
            query["canceled" if self.watch.canceled else "order"] = self.watch.order
        return f"{reverse('checkout:orders')}?{urlencode(query)}"

    @property
    def settled(self) -> list[Order]:
        """The orders that have stopped waiting since the browser looked last."""
        return [
            order
            for order in self.orders
            if order.reference in self.watch.waiting and not order.is_waiting
        ]

    @property
    def news(self) -> str:
        """What to announce: each order that has stopped waiting, once."""
        return " ".join(update_of(order) for order in self.settled)

    @property
    def has_emptied_the_cart_beside(self) -> bool:
        """Whether the cart that stands beside the panel still shows what is paid now."""
        return self.watch.beside_cart and bool(self.settled)

    @property
    def returned_to(self) -> Order | None:
        """The order that the shopper has just come back from Stripe with."""
        return next((order for order in self.orders if order.pk == self.watch.order), None)

    def with_items(self) -> "MyOrders":
        """Let each order have `lines`: what was bought, by one query for all of them."""
        by_order: dict[UUID, list[OrderItem]] = {order.pk: [] for order in self.orders}
        if by_order:
            for item in items_of(*by_order, *[None] * (PAGE_SIZE - len(by_order))):
                by_order[item.order_id].append(item)
        for order in self.orders:
            order.lines = by_order[order.pk]
        return self


def my_orders(shopper: UUID | None, query: Mapping[str, str]) -> MyOrders:
    """Return the panel for a shopper; `query` is what the address says."""
    watch = PollState.read(query, time.time())
    if not shopper:
        return MyOrders([], watch)
    orders = _page(watch.page)(shopper, watch.order)
    return MyOrders(orders[:PAGE_SIZE], watch, watch.page + 1 if len(orders) > PAGE_SIZE else 0)


@cache
def _page(number: int) -> CompiledQuery[Order]:
    """The orders of one page, and the next one to see whether there is more."""
    end = number * PAGE_SIZE
    return CompiledQuery(lambda *ids: _visible(*ids)[end - PAGE_SIZE : end + 1], UUID, UUID)


items_of = CompiledQuery(
    lambda *orders: OrderItem.objects.filter(order__in=orders), *[UUID] * PAGE_SIZE
)


def _visible(shopper: UUID, returned_to: UUID) -> OrderQuerySet:
    """An order that can't be paid any more is shown only to who has just come back from it."""
    is_offered = Q(status=Status.PENDING, superseded_at=None) & ~Q(session_id=None)
    settled = (Status.PROCESSING, Status.PAID, Status.REFUNDED, Status.FAILED, Status.REVIEW)
    orders = Order.objects.for_shopper(shopper).filter(
        is_offered | Q(status__in=settled) | Q(pk=returned_to)
    )
    waits_first = Case(When(status__in=WAITING, then=Value(0)), default=Value(1))
    # No more than the panel shows: what it forgot to ask for may not become a query a row.
    return orders.order_by(waits_first, "-created_at").only(*FIELDS).fetch_mode(FETCH_RAISE)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
