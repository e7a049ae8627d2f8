"""Who is told what: each function is called in the transaction of what it tells of.

Shoppers are told by the address that Stripe has of them, the merchant by MERCHANT_MAIL.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from checkout.models import Message, Order, Refund
from checkout.rebuilding import REASON
from storefront.models import Product, Reservation
from storefront.ops.compiled_queries import CompiledInsert

Kind = Message.Kind
insert_message = CompiledInsert(Message, ignore_conflicts=True)

RESTORED = "a restored backup doesn't tell whether this was sent"
REBUILT = "the order was brought back from Stripe: the shop that was lost may have sent this"
_is_recovering = ContextVar("is_recovering", default=False)


def doubt_what_was_due() -> None:
    """Leave to the merchant what waited in a backup: the shop that was lost may have sent it."""
    Message.objects.waiting().update(claimed_at=timezone.now(), error=RESTORED)


@contextmanager
def recovering() -> Iterator[None]:
    """Note here what a lost database may have told already, and so tell nothing of it."""
    doubt_what_was_due()
    token = _is_recovering.set(True)
    try:
        yield
    finally:
        _is_recovering.reset(token)


def paid(order: Order, email: str, at: datetime | None = None) -> None:
    shopper = message(Kind.ORDER_CONFIRMED, order, email, at=at)
    _write(shopper, *_to_merchant(Kind.NEW_ORDER, order, at=at))
    if settings.LOW_STOCK and order.counts_stock:
        _sold(order)


def awaited(order: Order, email: str) -> None:
    _write(message(Kind.ORDER_PROCESSING, order, email))


def failed(order: Order, email: str) -> None:
    _write(message(Kind.PAYMENT_FAILED, order, email))


def refunded(order: Order, refund: Refund) -> None:
    about = {"cents": refund.amount_cents}
    _write(*_to_shopper(Kind.ORDER_REFUNDED, order, refund.refund_id, about))


def refund_failed(order: Order, refund: Refund) -> None:
    about = {"cents": refund.amount_cents}
    _write(*_to_merchant(Kind.REFUND_FAILED, order, refund.refund_id, about))


def shipped(order: Order, parcel: int) -> None:
    _write(*_to_shopper(Kind.ORDER_SHIPPED, order, str(parcel), {"parcel": parcel}))


def not_shipped(order: Order) -> None:
    """Take back what has not left yet."""
    waiting = order.messages.filter(kind=Kind.ORDER_SHIPPED).waiting()
    waiting.update(due_at=None, error="it was undone before it could be sent")


def needs_a_look(order: Order, reason: str) -> None:
    """Flag the order for the merchant, and say so, once for each reason."""
    if order.flag(reason):
        digest = hashlib.blake2b(reason.encode(), digest_size=8).hexdigest()
        _write(*_to_merchant(Kind.REVIEW, order, digest, {"reason": reason}))


def disputed(order: Order, dispute: str, cents: int | None, due_by: datetime | None) -> None:
    """Say until when the merchant can answer, as far as Stripe has said so."""
    about = {"cents": cents, "due_by": due_by and due_by.isoformat()}
    _write(*_to_merchant(Kind.DISPUTE, order, dispute, about))


def books_differ(words: str, now: datetime) -> None:
    """Say it once a day."""
    _write(*_to_merchant(Kind.BOOKS_DIFFER, None, f"{now:%Y-%m-%d}", {"words": words}))


def _sold(order: Order) -> None:
    """Say of which products so few are left by this sale; reserved ones are still there.

    The products are held until the transaction ends: two sales at the same moment would each
    take the other's pieces for reserved ones.
    """
    sold = dict(order.items.filter(product__isnull=False).values_list("product", "quantity"))
    counted = Product.objects.select_for_update(of=("self",)).filter(pk__in=sold)
    for product in counted.filter(stock__isnull=False).order_by("pk"):
        reserved = Reservation.objects.filter(product=product).aggregate(n=Sum("quantity"))["n"]
        left = (product.stock or 0) + (reserved or 0)
        has_become_low = left < settings.LOW_STOCK <= left + sold[product.pk]
        if has_become_low or (left < settings.LOW_STOCK and not _was_told_lately(product)):
            about = {"product": product.pk, "name": product.full_name, "left": left}
            cause = f"{product.pk}/{order.pk.hex}"
            _write(*_to_merchant(Kind.LOW_STOCK, None, cause, about))


def _was_told_lately(product: Product) -> bool:
    """Whether the merchant read within a month that there is little left of it."""
    since = timezone.now() - timedelta(days=30)
    told = Message.objects.filter(order=None, created_at__gt=since, kind=Kind.LOW_STOCK)
    return told.filter(about__product=product.pk).exists()


def _to_shopper(kind: Kind, order: Order, *rest: Any) -> list[Message]:
    """Return the message, unless the shopper was forgotten."""
    is_known = bool(order.email) or order.is_demo
    return [message(kind, order, order.email, *rest)] if is_known else []


def _to_merchant(kind: Kind, order: Order | None, *rest: Any, **options: Any) -> list[Message]:
    """Return the message, if the merchant has an address."""
    to = settings.MERCHANT_MAIL
    return [message(kind, order, to, *rest, **options)] if to else []


def message(
    kind: Kind,
    order: Order | None,
    to: str,
    cause: str = "",
    about: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> Message:
    parts = [kind, order.pk.hex if order else "", cause, "1"]
    at = at or timezone.now()
    return Message(
        kind=kind,
        order=order,
        key="/".join(filter(None, parts)),
        to=to,
        about=about,
        is_demo=settings.STRIPE_DEMO_MODE or bool(order and order.is_demo),
        created_at=at,
        due_at=at,
    )


def _write(*messages: Message) -> None:
    """Put them into the outbox, but for what is in there by the same cause."""
    if _is_recovering.get():
        for each in messages:
            if each.order and REASON in each.order.review_reason:
                each.due_at, each.error = None, REBUILT
            else:
                each.claimed_at, each.error = each.created_at, RESTORED
    for each in messages:
        insert_message(each)
