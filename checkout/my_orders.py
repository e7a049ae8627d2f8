"""My Orders: what a shopper sees of the orders, and when the page asks for updates."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db.models import FETCH_RAISE, Case, Q, Value, When
from django.urls import reverse
from django.utils import timezone

from checkout.models import WAITING, Order, OrderItem, OrderQuerySet
from storefront.ops.compiled_queries import CompiledQuery

Status = Order.Status

PAGE_SIZE = 10
LAST_PAGE = 1_000
FIELDS = (
    *("status", "superseded_at", "created_at", "paid_at", "shipped_at", "shopper"),
    *("total_cents", "discount_cents", "shipping_cents", "tax_cents", "currency"),
    *("refunded_cents", "disputed_at"),
    *("session_id", "session_url", "session_expires_at", "put_back_at", "returned_at"),
)
UPDATES = {
    Status.PROCESSING: "is being paid by your bank",
    Status.PAID: "is paid",
    Status.REFUNDED: "is refunded",
    Status.FAILED: "could not be paid; nothing was charged",
    Status.REVIEW: "is being checked by the shop",
    Status.EXPIRED: "has expired; nothing was charged",
}
# Until the shopper has waited so many seconds, the page asks every so many seconds.
POLL_INTERVALS = ((30, 1), (300, 5))
LONGEST_POLL_INTERVAL = 30


def poll_interval(since: float) -> int:
    """Return the seconds until the next poll; `since` is a `time.time()`, when the wait began."""
    waited = time.time() - since
    return next((every for limit, every in POLL_INTERVALS if waited < limit), LONGEST_POLL_INTERVAL)


@dataclass(frozen=True)
class PollState:
    """What the browser shows, as it says itself: read from the address, never trusted.

    `order` is the one just returned to, `canceled` whether by Stripe's Back link, `since` when
    the page was opened (seconds), `seen` the version shown, `waiting` the orders that were
    waiting then, and for what (`waits_for`), `page` how far back it looks, from 1, and
    `beside_cart` whether the panel stands beside the cart.
    """

    order: UUID | None
    canceled: bool
    since: int
    seen: str = ""
    waiting: tuple[str, ...] = ()
    page: int = 1
    beside_cart: bool = False

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "PollState":
        now = time.time()
        canceled = _uuid(query.get("canceled", ""))
        since = _number(query.get("since", ""))
        return cls(
            order=canceled or _uuid(query.get("order", "")),
            canceled=canceled is not None,
            since=since if 0 < since <= now else int(now),
            seen=query.get("seen", ""),
            waiting=tuple(filter(None, query.get("waiting", "").split(",")[:PAGE_SIZE])),
            page=min(max(_number(query.get("page", "")), 1), LAST_PAGE),
            beside_cart=query.get("cart") == "beside",
        )


@dataclass(frozen=True)
class Bought:
    """What was bought with an order of a panel, which stays: only a row never rendered reads it."""

    panel: "OrderPanel"
    order: Order
    cache_key = ()

    def __iter__(self) -> Iterator[OrderItem]:
        return iter(self.panel.items[self.order.pk])


@dataclass(frozen=True)
class OrderPanel:
    """Orders that a page shows, and what its polls need; `path` is where the page polls."""

    orders: list[Order]
    state: PollState
    path: str
    older_page: int = 0
    """The page to go on with, 0 if these are all."""

    @property
    def waiting(self) -> list[Order]:
        return [order for order in self.orders if order.is_waiting]

    @property
    def orders_waiting(self) -> str:
        return ",".join(waits_for(order) for order in self.waiting)

    @property
    def is_unchanged(self) -> bool:
        return self.state.seen == self.version

    @cached_property
    def version(self) -> str:
        """A digest that differs whenever the page would look different, or poll less often."""
        orders = [
            (
                *(order.pk.hex, order.status, order.refunded_cents, order.disputed_at),
                *(order.total_cents, order.discount_cents, order.shipping_cents, order.tax_cents),
                order.shipped_at,
                *(order.is_being_confirmed, order.is_slow, order.is_offered),
            )
            for order in self.orders
        ]
        shown = repr((orders, self.state.order, self.state.canceled, self.poll_interval))
        return hashlib.blake2b(shown.encode(), digest_size=8).hexdigest()

    @property
    def poll_interval(self) -> int:
        """Seconds, by the newest order that waits or by when its shopper came back; 0 for none."""
        began = [
            self.state.since
            if order == self.returned_to
            else (order.returned_at or order.created_at).timestamp()
            for order in self.waiting
        ]
        return poll_interval(max(began)) if began else 0

    @property
    def poll_url(self) -> str:
        """The address to ask for updates, or nothing when no order is waiting."""
        if not self.waiting:
            return ""
        state = self.state
        query: dict[str, object] = {"seen": self.version, "waiting": self.orders_waiting}
        if state.order:
            query |= {"canceled" if state.canceled else "order": state.order, "since": state.since}
        if state.page > 1:
            query["page"] = state.page
        if state.beside_cart:
            query["cart"] = "beside"
        return f"{self.path}?{urlencode(query)}"

    @property
    def changed(self) -> list[Order]:
        """The orders that wait no more, or for something else, since the browser asked last."""
        if not self.state.waiting:
            return []
        shown = {words.partition(".")[0]: words for words in self.state.waiting}
        return [
            order
            for order in self.orders
            if shown.get(order.reference, waits_for(order)) != waits_for(order)
        ]

    @property
    def parts_may_come(self) -> bool:
        """Whether a payment can bring what was not known before: room is kept for it."""
        return settings.PROMOTION_CODES or settings.TAX != "off"

    @property
    def announcement(self) -> str:
        """What to announce: each order whose payment has moved on, once."""
        return " ".join(
            f"Order {order.reference} {UPDATES[Status(order.status)]}."
            for order in self.changed
            if order.status in UPDATES
        )

    @property
    def has_changed_the_cart_beside(self) -> bool:
        """Whether the cart beside the panel still shows what has left it or has come back."""
        return self.state.beside_cart and bool(self.changed)

    @property
    def headline(self) -> str:
        """What the home page is about when the shopper has just paid; nothing otherwise."""
        order = self.returned_to if self.state.beside_cart else None
        if order and order.status in (Status.PAID, Status.PROCESSING):
            return headline_of(order)
        if order and order.is_being_confirmed:
            return f"Waiting for Stripe’s word on order {order.reference}"
        return ""

    @property
    def after_payment(self) -> list[tuple[str, str]]:
        return after_payment(self.returned_to) if self.headline and self.returned_to else []

    @property
    def is_of_another_browser(self) -> bool:
        """Whether the shopper comes back with an order that this browser knows nothing of."""
        return bool(self.state.order and not self.returned_to)

    @property
    def returned_to(self) -> Order | None:
        """The order that the shopper has just come back from Stripe with."""
        return next((order for order in self.orders if order.pk == self.state.order), None)

    @property
    def rows(self) -> list[tuple[Order, Bought]]:
        """Each order with what was bought."""
        return [(order, Bought(self, order)) for order in self.orders]

    @cached_property
    def items(self) -> dict[UUID, list[OrderItem]]:
        """What was bought, by one query for all orders of the panel."""
        items: dict[UUID, list[OrderItem]] = {order.pk: [] for order in self.orders}
        for item in items_of(*items, *[None] * (PAGE_SIZE - len(items))):
            items[item.order_id].append(item)
        return items


def headline_of(order: Order) -> str:
    """Return what the order's own page is about, for the shopper who placed it."""
    if order.status == Status.PAID:
        return f"Thank you, order {order.reference} is paid"
    if order.status == Status.PROCESSING:
        return f"Thank you, your bank is paying order {order.reference}"
    return f"Order {order.reference}"


def after_payment(order: Order) -> list[tuple[str, str]]:
    """Return what its shopper gets to read while it is paid, each text with its product's name.

    It is read from the products of today: a merchant can mend an address that has moved.
    """
    if order.status != Status.PAID:
        return []
    items = order.items.filter(product__isnull=False).exclude(product__after_payment="")
    return list(items.values_list("name", "product__after_payment"))


def waits_for(order: Order) -> str:
    """Return the order's reference, and after a dot what it waits for, unless it is the shopper."""
    if order.is_being_confirmed:
        return f"{order.reference}.RETURNED"
    is_up_to_the_shopper = order.status == Status.PENDING
    return order.reference if is_up_to_the_shopper else f"{order.reference}.{order.status}"


def my_orders(shopper: UUID | None, query: Mapping[str, str]) -> OrderPanel:
    """Return the panel of a shopper; `query` is what the address says.

    An order that the shopper has come back with, from paying, keeps that in mind.
    """
    state, path = PollState.read(query), reverse("checkout:orders")
    if not shopper:
        return OrderPanel([], state, path)
    orders = _page(state.page)(shopper, state.order)
    older_page = state.page + 1 if len(orders) > PAGE_SIZE else 0
    panel = OrderPanel(orders[:PAGE_SIZE], state, path, older_page)
    returned_to = None if state.canceled else panel.returned_to
    if returned_to and returned_to.status == Status.PENDING and not returned_to.returned_at:
        returned_to.note_return(timezone.now())
    return panel


def one_order(order: Order, path: str, query: Mapping[str, str]) -> OrderPanel:
    """Return what the page of one order shows, at `path`, and polls for as My Orders does."""
    return OrderPanel([order], PollState.read(query), path)


@cache
def _page(number: int) -> CompiledQuery[Order]:
    """The orders of one page, and the next order to see whether there are more."""
    end = number * PAGE_SIZE
    return CompiledQuery(lambda *ids: _visible(*ids)[end - PAGE_SIZE : end + 1], UUID, UUID)


orders_being_confirmed = CompiledQuery(
    lambda shopper: (
        Order.objects.for_shopper(shopper)
        .filter(status=Status.PENDING, returned_at__isnull=False)
        .only(*FIELDS)
    ),
    UUID,
)
items_of = CompiledQuery(
    lambda *orders: OrderItem.objects.filter(order__in=orders), *[UUID] * PAGE_SIZE
)


def _visible(shopper: UUID, returned_to: UUID) -> OrderQuerySet:
    """The shopper's orders, the one returned to first, even if it can't be paid any more."""
    is_offered = Q(status=Status.PENDING, superseded_at=None) & ~Q(session_id=None)
    settled = (Status.PROCESSING, Status.PAID, Status.REFUNDED, Status.FAILED, Status.REVIEW)
    orders = Order.objects.for_shopper(shopper).filter(
        is_offered | Q(status__in=settled) | Q(pk=returned_to)
    )
    first = Case(
        When(pk=returned_to, then=Value(0)),
        When(status__in=WAITING, then=Value(1)),
        default=Value(2),
    )
    # Only what the panel shows: a field that is missing here raises instead of querying per row.
    return orders.order_by(first, "-created_at").only(*FIELDS).fetch_mode(FETCH_RAISE)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
