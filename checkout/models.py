"""Orders, what was bought, and what Stripe said about them."""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, Self
from uuid import UUID, uuid4

from django.db import connection, models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Concat, Lower
from django.urls import reverse
from django.utils import timezone

from storefront import stock
from storefront.models import CartLine, Product, Reservation
from storefront.ops.compiled_queries import CompiledQuery, adapted

# In SQL, since to compile it took half of the time that a webhook takes.
REMOVE_BOUGHT_LINES = """
    DELETE FROM storefront_cartline WHERE shopper = %s AND quantity <= (
        SELECT bought.quantity FROM checkout_orderitem bought
        WHERE bought.order_id = %s AND bought.product_id = storefront_cartline.product_id
    )
"""


class OrderQuerySet(models.QuerySet["Order"]):
    def for_shopper(self, shopper: object) -> Self:
        return self.filter(shopper=shopper)

    def awaiting_stripe(self) -> Self:
        """Orders that wait for the word of a Checkout Session; the others wait for nobody."""
        return self.filter(status__in=WAITING, session_id__isnull=False)

    def open(self) -> Self:
        """Orders whose Checkout Session may still be offered to the shopper."""
        return self.filter(status=Order.Status.PENDING, superseded_at=None)

    def search(self, name: str) -> Self:
        """Find orders by what people and Stripe call them, in full, so that an index answers."""
        if "@" in name:
            return self.alias(address=Lower("email")).filter(address=name.lower())
        if name.startswith(("cs_", "pi_")):
            return self.filter(Q(session_id=name) | Q(payment_intent=name))
        first, last = _ids_called(name)
        return self.filter(pk__range=(first, last)) if first else self.none()

    def purgeable(self, before: datetime) -> Self:
        """Orders that no money has touched or can touch any more: all was quiet since `before`.

        One that is still pending may be paid, with its news lost, as long as Stripe was not
        asked after the end of its session. One that holds stock has to give it back first.
        """
        heard = StripeEvent.objects.filter(order=OuterRef("pk"), received_at__gte=before)
        held = Reservation.objects.filter(order=OuterRef("pk"))
        is_settled = Q(status__in=(Order.Status.FAILED, Order.Status.EXPIRED))
        is_unknown_to_stripe = Q(session_id=None) | Q(asked_at__gt=F("session_expires_at"))
        return self.filter(
            is_settled | is_unknown_to_stripe,
            Q(session_expires_at=None) | Q(session_expires_at__lt=before),
            ~Exists(heard),
            ~Exists(held),
            status__in=(Order.Status.PENDING, Order.Status.FAILED, Order.Status.EXPIRED),
            created_at__lt=before,
            attempt_at__lt=before,
            payment_intent="",
            review_reason="",
        )

    def for_payment(self, payment_intent: str) -> Self:
        """Add what a payment needs to know, in the one query that finds the order.

        `lines_in_cart` counts how many products of the order lie in its shopper's cart, and
        `has_deferred_events` says whether refunds or disputes of the payment came before it.
        """
        items = OrderItem.objects.filter(order=OuterRef(OuterRef("pk")))
        lines = CartLine.objects.filter(
            shopper=OuterRef("shopper"), product__in=items.values("product")
        )
        count = lines.order_by().values("shopper").annotate(n=Count("*")).values("n")
        parked = Exists(StripeEvent.objects.parked(payment_intent))
        return self.annotate(lines_in_cart=Coalesce(Subquery(count), 0), has_deferred_events=parked)


class Order(models.Model):
    """A photograph of what a shopper bought, and the state of its payment.

    `status` moves by `move` alone. Amounts are in minor units of `currency`.
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

    lines: "list[OrderItem]"
    """What was bought; only in My Orders, which reads it for all its orders at once."""

    # Only where the query asks for them with `for_payment`.
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
    superseded_at = models.DateTimeField(
        null=True, blank=True, help_text="When another order took this one's place in the checkout."
    )

    counts_stock = models.BooleanField(default=False, editable=False)

    payment_intent = models.CharField(max_length=255, blank=True, db_index=True)
    received_cents = models.PositiveBigIntegerField("received in minor units", default=0)
    refunded_cents = models.PositiveBigIntegerField("refunded in minor units", default=0)
    charge_refunded_cents = models.PositiveBigIntegerField(default=0, editable=False)
    charge_refunded_at = models.DateTimeField(null=True, editable=False)
    disputed_at = models.DateTimeField(null=True, blank=True)
    dispute_id = models.CharField(max_length=255, blank=True)
    dispute_result = models.CharField(max_length=20, blank=True)
    link_nonce = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",  # servers of the last release still add orders while this one starts
        editable=False,
        help_text="Part of the private link's address; empty if there is none.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    paid_at = models.DateTimeField(null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            # With the state: without statistics, SQLite would as soon look among all that wait.
            models.Index(fields=("shopper", "status", "-created_at"), name="orders_of_a_shopper"),
            models.Index(fields=("status", "created_at"), name="orders_in_a_state"),
            models.Index(fields=("created_at",), name="orders_by_age"),
            models.Index(Lower("email"), name="orders_of_an_email"),
            models.Index(
                fields=("created_at",),
                condition=~Q(review_reason=""),
                name="orders_that_need_a_look",
            ),
            models.Index(
                fields=("created_at",),
                condition=~Q(disputed_at=None),
                name="orders_in_dispute",
            ),
        )
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
        """The short name that people see, such as K7M2-PQ4X."""
        letters = base64.b32encode(self.id.bytes[:5]).decode()
        return f"{letters[:4]}-{letters[4:]}"

    @property
    def is_waiting(self) -> bool:
        return self.status in WAITING

    @property
    def was_reviewed(self) -> bool:
        return bool(self.review_reason)

    @property
    def is_demo(self) -> bool:
        return (self.session_id or "").startswith("cs_demo_")

    def can_be_paid_at(self, now: datetime) -> bool:
        """Whether the stored Checkout Session still takes money, as far as we know."""
        return bool(self.session_url and self.session_expires_at and self.session_expires_at > now)

    @property
    def is_offered(self) -> bool:
        """Whether the shopper may go on paying where they left."""
        is_open = self.status == self.Status.PENDING and self.superseded_at is None
        return is_open and self.can_be_paid_at(timezone.now())

    def move(
        self, target: Status, *, sources: Iterable[Status], session_id: str, **changes: Any
    ) -> bool:
        """Bring the order to `target` if it is in one of `sources`. True for the one that wins.

        The news must be of the order's own session. An order without one takes the session
        over: Stripe opened it, and we could not note it.
        """
        changes |= {"status": target, "session_id": session_id}
        return _in_one_of(tuple(sources)).update(self.pk, session_id, **changes) == 1

    def lock(self, *conditions: Q, **condition: Any) -> bool:
        """Whether the conditions hold, and will until the transaction ends.

        SQLite has no locks of rows: there the transaction itself keeps all others waiting.
        """
        rows = Order.objects.select_for_update().filter(*conditions, pk=self.pk, **condition)
        return rows.first() is not None

    def flag(self, reason: str) -> None:
        """Tell the merchant why this order needs a look, once for each reason."""
        rows = Order.objects.filter(pk=self.pk).exclude(review_reason__contains=reason)
        rows.update(review_reason=Concat("review_reason", Value(f"{reason}\n")))

    def release_stock(self) -> None:
        if self.counts_stock:
            stock.release(self.pk)

    def remove_from_cart(self, lines_in_cart: int) -> None:
        """What was bought leaves the cart; what was added since stays."""
        if not lines_in_cart:
            return
        with connection.cursor() as cursor:
            cursor.execute(REMOVE_BOUGHT_LINES, [adapted(self.shopper), adapted(self.pk)])
            gone = cursor.rowcount
        if gone < lines_in_cart:
            bought = self.items.filter(product=OuterRef("product")).values("quantity")
            # Another tab may have lowered one since.
            lines = CartLine.objects.filter(
                shopper=self.shopper,
                product__in=self.items.values("product"),
                quantity__gt=Subquery(bought),
            )
            lines.update(quantity=F("quantity") - Subquery(bought))

    def keep_session(self, session_id: str, url: str, expires_at: datetime) -> bool:
        """Store the Checkout Session unless one is stored. True if it is now the order's own.

        An order whose place another one took in the meantime gets none.
        """
        rows = Order.objects.filter(
            Q(session_id=None) | Q(session_id=session_id), pk=self.pk, superseded_at=None
        )
        return (
            rows.update(session_id=session_id, session_url=url, session_expires_at=expires_at) == 1
        )

    def make_link(self) -> None:
        """Let a private link show this order; of two callers, both get the first one's."""
        rows = Order.objects.filter(pk=self.pk, link_nonce="")
        rows.update(link_nonce=secrets.token_hex(16))
        self.refresh_from_db(fields=["link_nonce"])

    def revoke_link(self) -> None:
        """Let the address show nothing any more; the next link is another one."""
        Order.objects.filter(pk=self.pk).update(link_nonce="")
        self.refresh_from_db(fields=["link_nonce"])

    def begin_next_attempt(self, now: datetime) -> None:
        """Ask Stripe under a new key next time; two callers count as one."""
        rows = Order.objects.filter(pk=self.pk, attempt=self.attempt, session_id=None)
        rows.update(attempt=F("attempt") + 1, attempt_at=now)

    def supersede(self, now: datetime) -> None:
        """Offer this order's session no more; its payment state is Stripe's to tell."""
        Order.objects.filter(pk=self.pk, superseded_at=None).update(superseded_at=now)
        self.release_stock()


@cache
def _in_one_of(states: tuple[Order.Status, ...]) -> CompiledQuery[Order]:
    """The order, while it is in one of the states and the session can be its own."""
    return CompiledQuery(
        lambda pk, session_id: Order.objects.filter(
            Q(session_id=None) | Q(session_id=session_id), pk=pk, status__in=states
        ),
        *(UUID, str),
    )


WAITING = (Order.Status.PENDING, Order.Status.PROCESSING)


def _ids_called(name: str) -> tuple[UUID | None, UUID | None]:
    """Return the first and the last id that a reference, or an id, can mean."""
    try:
        begin = (
            base64.b32decode(name.upper().replace("-", "")) if len(name) < 10 else UUID(name).bytes
        )
        return UUID(bytes=begin.ljust(16, b"\x00")), UUID(bytes=begin.ljust(16, b"\xff"))
    except ValueError:
        return None, None


class OrderItem(models.Model):
    """One line of an order, with the name and the price of the day."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items", db_index=False)
    product = models.ForeignKey(Product, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120)
    unit_price_cents = models.PositiveIntegerField("unit price in minor units")
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("id",)
        # Of both: without statistics, SQLite would as soon look among all sales of the product.
        indexes = (models.Index(fields=("order", "product"), name="items_of_an_order"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(quantity__gte=1), name="an_item_is_bought_at_least_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def amount_cents(self) -> int:
        return self.quantity * self.unit_price_cents


class Refund(models.Model):
    """One refund of an order's payment, as Stripe told of it last."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="refunds")
    refund_id = models.CharField(max_length=255, unique=True)
    amount_cents = models.PositiveBigIntegerField("amount in minor units")
    made_at = models.DateTimeField(default=timezone.now)
    failed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.refund_id


class StripeEventQuerySet(models.QuerySet["StripeEvent"]):
    def parked(self, payment_intent: str) -> Self:
        """News of a payment that no order had when it came; none for no payment."""
        if not payment_intent:
            return self.none()
        return self.filter(payment_intent=payment_intent, parked__isnull=False)

    def search(self, name: str) -> Self:
        """Find events by what Stripe calls them, their session or their payment, in full."""
        if name.startswith("cs_"):
            return self.filter(order__session_id=name)
        return self.filter(**{"payment_intent" if name.startswith("pi_") else "event_id": name})

    def purgeable(self, before: datetime) -> Self:
        """Old events of no order, unless the merchant or the worker may still need them."""
        is_done = Q(follow_up="") | Q(follow_up_done_at__isnull=False)
        loud = (StripeEvent.Outcome.UNMATCHED, StripeEvent.Outcome.REVIEW)
        rows = self.filter(is_done, order=None, parked__isnull=True, received_at__lt=before)
        return rows.exclude(outcome__in=loud)

    def due(self, now: datetime) -> Self:
        """Events whose follow-up is neither done nor being done, nor put off for later."""
        return self.exclude(follow_up="").filter(
            Q(follow_up_after=None) | Q(follow_up_after__lte=now),
            follow_up_done_at=None,
            follow_up_claimed_at=None,
        )


class StripeEvent(models.Model):
    """A verified event and what came of it: the merchant's audit trail.

    The row is the outbox too: `follow_up` names what has to happen outside the database because
    of it, and is written in the transaction of the move that calls for it.
    """

    class Outcome(models.TextChoices):
        APPLIED = "applied", "changed the order"
        NO_CHANGE = "no change", "nothing left to change"
        REVIEW = "review", "needs a look"
        IGNORED = "ignored", "not about this shop's orders"
        UNMATCHED = "unmatched", "names an order that isn't here"

    class FollowUp(models.TextChoices):
        ORDER_PAID = "order paid", "tell that the order is paid"

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=255)
    order = models.ForeignKey(
        Order, on_delete=models.SET_NULL, null=True, blank=True, related_name="events"
    )
    outcome = models.CharField(max_length=10, choices=Outcome)
    note = models.TextField(blank=True)
    created = models.DateTimeField(null=True, blank=True, help_text="When Stripe made the event.")
    received_at = models.DateTimeField(default=timezone.now)

    payment_intent = models.CharField(max_length=255, blank=True, db_index=True)
    parked = models.JSONField(null=True, blank=True, editable=False)

    follow_up = models.CharField(max_length=20, choices=FollowUp, blank=True)
    follow_up_tries = models.PositiveIntegerField(default=0)
    follow_up_after = models.DateTimeField(null=True, blank=True)
    follow_up_claimed_at = models.DateTimeField(null=True, blank=True)
    follow_up_done_at = models.DateTimeField(null=True, blank=True)

    objects = StripeEventQuerySet.as_manager()

    class Meta:
        ordering = ("-received_at", "-id")
        indexes = (
            models.Index(
                fields=("follow_up_after",),
                condition=~Q(follow_up="") & Q(follow_up_done_at=None),
                name="follow_ups_to_do",
            ),
            models.Index(
                fields=("payment_intent",),
                condition=Q(parked__isnull=False),
                name="parked_news",
            ),
            models.Index(
                fields=("received_at",),
                condition=Q(order=None),
                name="events_of_no_order",
            ),
            models.Index(fields=("outcome", "id"), name="events_by_outcome"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("order", "follow_up"),
                condition=~Q(follow_up=""),
                name="a_follow_up_happens_once_for_an_order",
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} ({self.outcome})"
