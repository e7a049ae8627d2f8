"""Orders: a snapshot of what was bought, and the state of its payment."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat
from django.urls import reverse
from django.utils import timezone

from checkout.models.order_queries import (
    INDEXES,
    LONGEST_NAME,
    WAITING,
    OrderQuerySet,
    reference_of,
)
from storefront import stock
from storefront.ops.fields import added_text

USUAL_CONFIRMATION = timedelta(seconds=60)


class Order(models.Model):
    """A snapshot of what a shopper bought, and the state of its payment.

    `status` changes by `move` and by refunds alone. Amounts are in minor units of `currency`.
    """

    class Status(models.TextChoices):
        """Where the payment of an order stands; `checkout.lifecycle` says what leads where."""

        PENDING = "PENDING", "waiting for payment"
        PROCESSING = "PROCESSING", "waiting for the bank"
        PAID = "PAID", "paid"
        FAILED = "FAILED", "payment failed"
        EXPIRED = "EXPIRED", "expired"
        REFUNDED = "REFUNDED", "refunded"
        REVIEW = "REVIEW", "needs a look"

    # Only where a query asks for them: `matching.orders_for`.
    lines_in_cart: int
    has_deferred_events: bool

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    shopper = models.UUIDField(editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    review_reason = models.TextField(blank=True)
    fingerprint = models.CharField(
        max_length=64,
        blank=True,
        editable=False,
        help_text="What was ordered, at which prices, in short.",
    )
    total_cents = models.PositiveBigIntegerField("total in minor units")
    currency = models.CharField(max_length=3)
    email = models.CharField(max_length=254, blank=True)
    offer = models.JSONField(
        null=True,
        editable=False,
        help_text="What Stripe may take besides goods: see offers.py.",
    )
    discount_cents = models.PositiveBigIntegerField(default=0, db_default=0)
    shipping_cents = models.PositiveBigIntegerField(default=0, db_default=0)
    tax_cents = models.PositiveBigIntegerField(default=0, db_default=0)

    country = added_text(2, help_text="Where it was offered to.")
    needs_shipping = models.BooleanField(default=True, db_default=True)
    shipping_name = added_text(LONGEST_NAME)
    search_text = added_text(
        LONGEST_NAME,
        editable=False,
        help_text="The name, folded: so it is found however it is spelled.",
    )
    ship_to = models.JSONField(
        null=True,
        blank=True,
        help_text="line1, line2, postal_code, city, state and country; null without an address.",
    )
    phone = added_text(40)
    shipped_at = models.DateTimeField(null=True, blank=True)

    session_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    session_url = models.TextField(blank=True)
    session_expires_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveIntegerField(
        default=1, help_text="Part of the idempotency key that Stripe is asked with."
    )
    attempt_at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(
        null=True, editable=False, help_text="When Stripe was last asked how the session stands."
    )
    returned_at = models.DateTimeField(
        null=True, editable=False, help_text="When the shopper came back from paying at Stripe's."
    )
    superseded_at = models.DateTimeField(
        null=True, blank=True, help_text="When another order took this one's place in the checkout."
    )

    counts_stock = models.BooleanField(default=False, editable=False)
    put_back_at = models.DateTimeField(
        null=True, editable=False, help_text="When a bank had failed and the cart got them back."
    )
    sender = added_text(
        32,
        editable=False,
        help_text="A digest of the sender's network while the order is pending: see limits.py.",
    )

    payment_intent = models.CharField(max_length=255, blank=True, db_index=True)
    received_cents = models.PositiveBigIntegerField("received in minor units", default=0)
    refunded_cents = models.PositiveBigIntegerField("refunded in minor units", default=0)
    charge_refunded_cents = models.PositiveBigIntegerField(default=0, editable=False)
    charge_refunded_at = models.DateTimeField(null=True, editable=False)
    refunded_from = added_text(
        10,
        editable=False,
        help_text="The state that a full refund ended; a refund that fails leads back to it.",
    )
    fee_cents = models.BigIntegerField(
        null=True, editable=False, help_text="What Stripe kept, in the settlement currency."
    )
    net_cents = models.BigIntegerField(
        null=True, editable=False, help_text="What Stripe pays out, before refunds."
    )
    settlement_currency = added_text(3, editable=False)
    note = models.TextField(
        blank=True, default="", db_default="", help_text="For the merchant; no shopper sees it."
    )
    disputed_at = models.DateTimeField(null=True, blank=True)
    dispute_due_by = models.DateTimeField(
        null=True, editable=False, help_text="Until when the merchant can answer it."
    )
    dispute_id = models.CharField(max_length=255, blank=True)
    dispute_result = models.CharField(max_length=20, blank=True)
    link_nonce = added_text(
        32, editable=False, help_text="Part of the private link's address; empty if there is none."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    paid_at = models.DateTimeField(null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        required_db_features = ("supports_json_field",)  # or checks would open the database
        indexes = INDEXES
        constraints = (
            models.UniqueConstraint(
                fields=("shopper", "fingerprint"),
                condition=Q(status="PENDING", superseded_at=None) & ~Q(fingerprint=""),
                name="one_open_order_per_shopper_and_content",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("PAID", "REFUNDED"), paid_at__isnull=False)
                | Q(status="REVIEW")
                | Q(status__in=("PENDING", "PROCESSING", "FAILED", "EXPIRED"), paid_at=None),
                name="paid_orders_have_a_date",
            ),
        )

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("checkout:order", args=[self.pk])

    @property
    def reference(self) -> str:
        return reference_of(self.id)

    @property
    def is_waiting(self) -> bool:
        return self.status in WAITING

    @property
    def has_to_be_shipped(self) -> bool:
        return self.status == self.Status.PAID and self.needs_shipping and not self.shipped_at

    @property
    def is_demo(self) -> bool:
        return (self.session_id or "").startswith("cs_demo_")

    @property
    def is_being_confirmed(self) -> bool:
        """Whether the shopper came back from paying, and Stripe's word is still to come."""
        return self.status == self.Status.PENDING and self.returned_at is not None

    @property
    def is_slow(self) -> bool:
        """Whether Stripe's word takes longer than usual."""
        late = timezone.now() - USUAL_CONFIRMATION
        return bool(self.is_being_confirmed and self.returned_at and self.returned_at <= late)

    def can_be_paid_at(self, now: datetime) -> bool:
        """Whether the stored Checkout Session still takes money, as far as we know."""
        return bool(self.session_url and self.session_expires_at and self.session_expires_at > now)

    @property
    def is_offered(self) -> bool:
        """Whether the shopper may go on paying where they left."""
        is_open = self.status == self.Status.PENDING and self.superseded_at is None
        return is_open and self.can_be_paid_at(timezone.now())

    def move(
        self, to: Status, *, sources: Iterable[Status], session_id: str, **changes: Any
    ) -> bool:
        """Bring the order to the state `to` if it is in one of `sources`. True for the winner.

        The session must be the order's own. An order without one adopts it: Stripe opened it,
        and the shop was interrupted before it could store it. A stored one never changes.
        """
        own = Q(session_id=session_id)
        if self.session_id is None:
            own |= Q(session_id=None)
        rows = Order.objects.filter(own, pk=self.pk, status__in=sources)
        return rows.update(status=to, session_id=session_id, sender="", **changes) == 1

    def add_contact(self, session_id: str, contact: dict[str, Any]) -> None:
        """Keep an address that came late; not of a person who was forgotten meanwhile."""
        if contact and self.ship_to is None:
            rows = Order.objects.filter(pk=self.pk, session_id=session_id, ship_to__isnull=True)
            rows.exclude(email="").update(**contact)

    def note_return(self, now: datetime) -> None:
        """Note that the shopper came back from paying; it proves nothing and moves nothing."""
        rows = Order.objects.filter(pk=self.pk, status=self.Status.PENDING, returned_at=None)
        rows.update(returned_at=now)
        self.returned_at = now

    def lock(self, *conditions: Q, **condition: Any) -> bool:
        """Whether the conditions hold, and will until the transaction ends.

        SQLite has no locks of rows: there the transaction itself keeps all others waiting.
        """
        rows = Order.objects.select_for_update().filter(*conditions, pk=self.pk, **condition)
        return rows.first() is not None

    def flag(self, reason: str) -> bool:
        """Note for the merchant why this order needs a look, once for each reason."""
        rows = Order.objects.filter(pk=self.pk).exclude(review_reason__contains=reason)
        return rows.update(review_reason=Concat("review_reason", Value(f"{reason}\n"))) == 1

    def settle(self, reason: str) -> bool:
        """Take back the reason to look. True for the one caller who has seen all of it."""
        rows = Order.objects.filter(pk=self.pk, review_reason=reason).exclude(review_reason="")
        return rows.update(review_reason="") == 1

    def write_note(self, note: str, *, seen: str) -> bool:
        """Replace the note that was seen. False if there is another by now."""
        return Order.objects.filter(pk=self.pk, note=seen).update(note=note) == 1

    def release_stock(self) -> None:
        if self.counts_stock:
            stock.release(self.pk)

    def keep_session(self, session_id: str, url: str, expires_at: datetime, **more: Any) -> bool:
        """Store the Checkout Session unless another is stored. True if it is the order's own now.

        An order that another one has superseded in the meantime gets none.
        """
        rows = Order.objects.filter(
            Q(session_id=None) | Q(session_id=session_id), pk=self.pk, superseded_at=None
        )
        kept = {"session_id": session_id, "session_url": url, "session_expires_at": expires_at}
        if not rows.update(**kept, **more):
            return False
        for name, value in {**kept, **more}.items():
            setattr(self, name, value)
        return True

    def begin_next_attempt(self, now: datetime) -> None:
        """Ask Stripe under a new idempotency key next time; two callers count as one."""
        rows = Order.objects.filter(pk=self.pk, attempt=self.attempt, session_id=None)
        rows.update(attempt=F("attempt") + 1, attempt_at=now)

    def supersede(self, now: datetime) -> bool:
        """Stop offering this order's session; only an event changes its payment state.

        False if it was superseded already, or has got a session that this instance doesn't know.
        """
        rows = Order.objects.filter(pk=self.pk, session_id=self.session_id, superseded_at=None)
        if not rows.update(superseded_at=now):
            return False
        self.release_stock()
        return True
