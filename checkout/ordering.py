"""From a cart to an order with a Checkout Session: placed first, then paid at Stripe's."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from checkout import demo, gateway
from checkout.models import Order, OrderItem
from storefront import money, stock
from storefront.models import Product, Reservation
from storefront.ops import logs

logger = logging.getLogger("checkout.ordering")

MAX_LINES = 100
"""The most line items that Stripe takes in one Checkout Session."""

# Stripe wants at least 30 minutes, by its own clock, when our request arrives. Asking again
# under the same key needs the same expiry, so an attempt may be this much older.
ATTEMPT_LIFETIME = timedelta(minutes=5)


class CannotOrder(Exception):
    """The order can't be placed; the text tells the shopper why and what to do."""


class EarlierPayment(CannotOrder):
    """The shopper has just paid for an earlier cart, and we wait for the news of it."""


@dataclass(frozen=True)
class RequestedItem:
    """So many of a product, at its price of now."""

    product: Product
    quantity: int

    @property
    def amount_cents(self) -> int:
        return self.quantity * self.product.price_cents


def buy(shopper: UUID, wanted: Sequence[RequestedItem], *, site: str, now: datetime) -> Order:
    """Return an order with a Checkout Session to pay it at; the demo pays it at once.

    The same wish, repeated, gets the same order while its session is open. `site` is where
    Stripe sends the shopper back to, such as https://shop.example.
    Raises CannotOrder, gateway.StripeDown or gateway.StripeRefused.
    """
    _refuse_the_impossible(wanted)
    _refuse_what_the_bank_is_paying(shopper, _fingerprint(wanted))
    _close_other_sessions(shopper, _fingerprint(wanted), now)
    order = place_order(shopper, wanted, now)
    logs.bind(order=str(order.pk))
    _open_checkout(order, site, now)
    return order


def place_order(shopper: UUID, wanted: Sequence[RequestedItem], now: datetime) -> Order:
    """Store a pending order and put its goods aside, or return the open one that is the same.

    Raises CannotOrder when too few are left; nothing is stored then.
    """
    try:
        with transaction.atomic():
            return _store_order(shopper, wanted, now)
    except IntegrityError:
        # The other click was first: the constraint on open orders has decided.
        same = (
            Order.objects.for_shopper(shopper)
            .open()
            .filter(fingerprint=_fingerprint(wanted))
            .first()
        )
        if same:
            return same
    # It was paid or closed between the two statements, so there is room for a new one.
    with transaction.atomic():
        return _store_order(shopper, wanted, now)


def _store_order(shopper: UUID, wanted: Sequence[RequestedItem], now: datetime) -> Order:
    order = Order.objects.create(
        shopper=shopper,
        fingerprint=_fingerprint(wanted),
        total_cents=sum(wish.amount_cents for wish in wanted),
        currency=settings.CURRENCY,
        counts_stock=any(wish.product.stock is not None for wish in wanted),
        created_at=now,
        attempt_at=now,
    )
    _reserve(order, wanted)
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order,
            product=wish.product,
            name=wish.product.name,
            unit_price_cents=wish.product.price_cents,
            quantity=wish.quantity,
        )
        for wish in wanted
    )
    return order


def _reserve(order: Order, wanted: Sequence[RequestedItem]) -> None:
    try:
        stock.reserve(order.pk, order.shopper, [(wish.product, wish.quantity) for wish in wanted])
    except stock.SoldOut as short:
        left = Product.objects.values_list("stock", flat=True).get(pk=short.product.pk)
        name = short.product.name
        raise CannotOrder(
            f"Only {left} of {name} left. Lower its quantity to go on."
            if left
            else f"{name} is sold out. Remove it from the cart to go on."
        ) from short


def _refuse_the_impossible(wanted: Sequence[RequestedItem]) -> None:
    total_cents = sum(wish.amount_cents for wish in wanted)
    if not wanted:
        raise CannotOrder("Your cart is empty. Choose a quantity beside a product first.")
    for wish in wanted:
        if not wish.product.is_on_sale:
            raise CannotOrder(
                f"{wish.product.name} is no longer for sale. Remove it from the cart to go on."
            )
    if len(wanted) > MAX_LINES:
        raise CannotOrder(f"One order can hold {MAX_LINES} different products at most.")
    if total_cents > money.MAX_CHARGE_CENTS:
        most = money.format_money(money.MAX_CHARGE_CENTS)
        raise CannotOrder(f"One order can come to {most} at most. Please split it.")


def _refuse_what_the_bank_is_paying(shopper: UUID, fingerprint: str) -> None:
    """A bank debit takes days, in which the cart still looks as if nothing had been bought."""
    same = Order.objects.for_shopper(shopper).filter(fingerprint=fingerprint)
    if order := same.filter(status=Order.Status.PROCESSING).first():
        raise EarlierPayment(
            f"Your bank is still paying order {order.reference}, which is the same as this. "
            "You don't need to pay again. To buy more, change a quantity."
        )


def _close_other_sessions(shopper: UUID, fingerprint: str, now: datetime) -> None:
    """One shopper has one checkout: what an earlier cart opened takes no money any more."""
    for order in Order.objects.for_shopper(shopper).open():
        is_same = order.fingerprint == fingerprint
        is_over = bool(order.session_expires_at) and not order.can_be_paid_at(now)
        if is_same and not is_over:
            continue
        # One whose time is over is asked about too: it may have been paid, and nobody told us.
        if order.session_id and not _is_closed(order.session_id):
            raise EarlierPayment(
                f"Your order {order.reference} is being paid: we are waiting for Stripe's "
                "confirmation. You don't need to pay again."
            )
        order.supersede(now)


def _is_closed(session_id: str) -> bool:
    """Whether the session takes no money any more; the demo asks nobody, whoever opened it."""
    return settings.STRIPE_DEMO_MODE or gateway.close_session(session_id)


def _open_checkout(order: Order, site: str, now: datetime) -> None:
    # The demo sends nobody away to pay, so one that isn't paid was interrupted.
    if order.can_be_paid_at(now) and not settings.STRIPE_DEMO_MODE:
        return
    if order.attempt_at < now - ATTEMPT_LIFETIME:
        order.begin_next_attempt(now)
        order.refresh_from_db()
    _reserve_again(order)
    _keep(order, _session_for(order, site, now), now)
    order.refresh_from_db()
    if settings.STRIPE_DEMO_MODE:
        demo.pay(order)


def _keep(order: Order, session: gateway.CheckoutSession, now: datetime) -> None:
    """Store the session, and see that the goods that it takes money for are aside."""
    try:
        with transaction.atomic():
            if not order.keep_session(session.id, session.url, session.expires_at):
                _refuse_the_superseded(order)
            _reserve_again(order)
    except CannotOrder:
        # Another tab bought a changed cart while Stripe was slow, or another click failed and
        # gave the goods back, and somebody else was quick.
        order.begin_next_attempt(now)
        if not settings.STRIPE_DEMO_MODE:
            gateway.close_session(session.id)
        raise


def _refuse_the_superseded(order: Order) -> None:
    if Order.objects.filter(pk=order.pk, superseded_at__isnull=False).exists():
        raise CannotOrder(
            "Your cart has been bought with other quantities in another tab. Nothing was charged "
            "here. Please check the cart and press Buy again."
        )


def _reserve_again(order: Order) -> None:
    """A try that opened no session gave the goods back; a paid order has them already."""
    if not order.counts_stock:
        return
    with transaction.atomic():
        is_waiting = order.lock(status=Order.Status.PENDING)
        if is_waiting and not Reservation.objects.filter(order=order.pk).exists():
            items = order.items.select_related("product")
            _reserve(order, [RequestedItem(it.product, it.quantity) for it in items if it.product])


@transaction.atomic
def _give_up(order: Order) -> None:
    """Return the goods to the shelf, unless another click has got a session for them."""
    if order.lock(session_id=None):
        order.release_stock()


def _session_for(order: Order, site: str, now: datetime) -> gateway.CheckoutSession:
    home = site + reverse("storefront:home")
    success_url = f"{home}?order={order.pk}"
    until = order.attempt_at + ATTEMPT_LIFETIME + settings.CHECKOUT_LIFETIME
    if settings.STRIPE_DEMO_MODE:
        return demo.open_session(order, success_url=success_url, until=until)
    try:
        return gateway.open_session(
            order,
            order.items.all(),
            success_url=success_url,
            cancel_url=f"{home}?canceled={order.pk}",
            until=until,
        )
    except gateway.StripeFailed as failure:
        logger.error("No Checkout Session for order %s: %s", order.pk, failure)
        if failure.is_answered:
            order.begin_next_attempt(now)
        _give_up(order)
        if isinstance(failure, gateway.TooLittle):
            raise CannotOrder(
                f"{money.format_money(order.total_cents, order.currency)} is less than Stripe can "
                "take. Put something else into the cart to go on. Nothing was charged."
            ) from failure
        raise


def _fingerprint(wanted: Sequence[RequestedItem]) -> str:
    """Return a digest that is the same for the same products, names and prices.

    And for the same account at Stripe: with other keys, nobody here hears of its sessions.
    """
    lines = sorted(
        (wish.product.pk, wish.quantity, wish.product.name, wish.product.price_cents)
        for wish in wanted
    )
    account = settings.STRIPE_PUBLISHABLE_KEY
    return hashlib.sha256(repr((account, settings.CURRENCY, lines)).encode()).hexdigest()
