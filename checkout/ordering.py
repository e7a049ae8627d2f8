"""From a cart to an order with a Checkout Session: the order is stored first, then offered."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from checkout import gateway, limits, offers, superseding
from checkout.gateway import failures
from checkout.models import Order, OrderItem
from checkout.provider import stripe
from checkout.requested import (
    CannotOrder,
    RequestedItem,
    RequestedOrder,
    refuse_the_impossible,
    refuse_what_the_bank_is_paying,
    refuse_while_closed,
    too_few,
)
from storefront import money, stock
from storefront.models import Reservation
from storefront.ops import logs

logger = logging.getLogger(__name__)

# Stripe wants at least 30 minutes and less than a day, by its own clock, when our request arrives.
# Asking again under the same key needs the same expiry, so an attempt may be this much older, and
# our clock may be so far behind Stripe's, or ahead of it.
ATTEMPT_LIFETIME = timedelta(minutes=2)
BEHIND, AHEAD = timedelta(minutes=3), timedelta(minutes=10)
LONGEST_SESSION = timedelta(hours=24) - AHEAD


def buy(
    shopper: UUID,
    wanted: RequestedOrder,
    *,
    base_url: str,
    now: datetime,
    sender: str = "",
) -> Order:
    """Return an order with a Checkout Session to pay it at; the demo pays it at once.

    The same, requested again, gets the same order while its session is open. Stripe sends
    the shopper back to `base_url`, such as https://shop.example. `sender` is what limits.py
    knows the network by that asks.
    Raises CannotOrder, failures.StripeDown or failures.StripeRefused.
    """
    refuse_while_closed(now)
    refuse_the_impossible(wanted)
    refuse_what_the_bank_is_paying(shopper, wanted.fingerprint)
    limits.refuse_a_flood(sender)
    superseding.close_other_sessions(shopper, wanted.fingerprint, now)
    order = place_order(shopper, wanted, now, sender)
    logs.bind(order=str(order.pk))
    superseding.close_those_beside(order, now)
    _open_checkout(order, base_url, now)
    return order


def place_order(shopper: UUID, wanted: RequestedOrder, now: datetime, sender: str = "") -> Order:
    """Store a pending order and reserve its goods, or return the open order that is the same.

    Raises CannotOrder when too few are left; nothing is stored then.
    """
    try:
        with transaction.atomic():
            return _store_order(shopper, wanted, now, sender)
    except IntegrityError:
        # Another click was first: the constraint on open orders has decided.
        same = Order.objects.for_shopper(shopper).open().filter(fingerprint=wanted.fingerprint)
        if order := same.first():
            return order
    # It was paid or closed between the two statements, so there is room for a new one.
    with transaction.atomic():
        return _store_order(shopper, wanted, now, sender)


def _store_order(shopper: UUID, wanted: RequestedOrder, now: datetime, sender: str) -> Order:
    limits.refuse_too_many_orders(shopper, sender, now)
    order = Order.objects.create(
        shopper=shopper,
        fingerprint=wanted.fingerprint,
        total_cents=wanted.total_cents,
        shipping_cents=wanted.shipping_cents,
        currency=settings.CURRENCY,
        country=wanted.country,
        needs_shipping=wanted.needs_shipping,
        offer=wanted.offer,
        counts_stock=any(item.product.stock is not None for item in wanted.items),
        sender=sender,
        created_at=now,
        attempt_at=now,
    )
    _reserve(order, wanted.items)
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order,
            product=item.product,
            name=item.product.full_name,
            unit_price_cents=item.product.price_cents,
            quantity=item.quantity,
        )
        for item in wanted.items
    )
    return order


def _reserve(order: Order, items: Sequence[RequestedItem]) -> None:
    try:
        stock.reserve(order.pk, order.shopper, [(item.product, item.quantity) for item in items])
    except stock.SoldOut as short:
        raise too_few(short.product) from short
    limits.refuse_more_than_a_share(order)


def _open_checkout(order: Order, base_url: str, now: datetime) -> None:
    if not order.can_be_paid_at(now):
        if order.attempt_at < now - ATTEMPT_LIFETIME:
            order.begin_next_attempt(now)
            order.refresh_from_db()
        _reserve_again(order)
        _keep(order, _open_session(order, base_url, now), now)
    stripe().collect_payment(order)


def _open_session(order: Order, base_url: str, now: datetime) -> gateway.CheckoutSession:
    home = base_url + reverse("storefront:home")
    try:
        session: gateway.CheckoutSession = stripe().open_session(
            order,
            order.items.select_related("product__variant_of"),
            success_url=f"{home}?order={order.pk}",
            cancel_url=f"{home}?canceled={order.pk}",
            until=order.attempt_at + _lifetime(),
        )
        return session
    except failures.StillAsking:
        raise  # the goods belong to that call
    except failures.StripeFailed as failure:
        logger.error("No Checkout Session for order %s: %s", order.pk, failure)
        if failure.is_answered:
            order.begin_next_attempt(now)
        _release(order)
        if isinstance(failure, failures.AmountTooSmall):
            raise CannotOrder(
                f"{money.format_money(order.total_cents, order.currency)} is less than Stripe can "
                "take. Put something else into the cart to go on. Nothing was charged."
            ) from failure
        raise


def _lifetime() -> timedelta:
    """How long after the attempt's begin the session ends."""
    return min(ATTEMPT_LIFETIME + BEHIND + settings.CHECKOUT_LIFETIME, LONGEST_SESSION)


def _keep(order: Order, session: gateway.CheckoutSession, now: datetime) -> None:
    """Store the session, and make sure that the goods it takes money for are reserved."""
    try:
        with transaction.atomic():
            offer = offers.with_rate(order.offer, session.rate)
            if not order.keep_session(session.id, session.url, session.expires_at, offer=offer):
                _refuse_the_superseded(order)
                order.refresh_from_db()  # another click was first
            _reserve_again(order)
    except CannotOrder:
        # Another tab bought a changed cart while Stripe was slow; or another click failed and
        # released the goods, and another shopper was quick.
        order.begin_next_attempt(now)
        stripe().close_session(session.id)
        raise


def _refuse_the_superseded(order: Order) -> None:
    if Order.objects.filter(pk=order.pk, superseded_at__isnull=False).exists():
        raise CannotOrder(
            "Your cart has been bought with other quantities or another delivery in another tab. "
            "Nothing was charged here. Please check the cart and press Buy again."
        )


def _reserve_again(order: Order) -> None:
    """Reserve the goods of a pending order that has released them, as a failed try does."""
    if not order.counts_stock:
        return
    with transaction.atomic():
        is_waiting = order.lock(status=Order.Status.PENDING)
        if is_waiting and not Reservation.objects.filter(order=order.pk).exists():
            items = order.items.select_related("product")
            _reserve(order, [RequestedItem(it.product, it.quantity) for it in items if it.product])


@transaction.atomic
def _release(order: Order) -> None:
    """Return the goods to the shelf, unless another click has got a session for them."""
    if order.lock(session_id=None):
        order.release_stock()
