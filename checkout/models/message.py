"""What the shop has to write to somebody, by mail, and how far that is."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from checkout.models.order import Order
from storefront.ops.fields import added_text

# So long a mail may be on its way; then the worker that began it has died.
SLOWEST_SEND = timedelta(minutes=15)


class MessageQuerySet(models.QuerySet["Message"]):
    def waiting(self) -> Self:
        """Messages that have yet to be sent."""
        return self.filter(sent_at=None, claimed_at=None, due_at__isnull=False)

    def due(self, now: datetime) -> Self:
        return self.waiting().filter(due_at__lte=now)

    def begun(self) -> Self:
        """Messages that somebody began to send, and did not say how it ended."""
        return self.filter(sent_at=None, claimed_at__isnull=False, due_at__isnull=False)

    def unsure(self, now: datetime) -> Self:
        """Messages of which nobody knows whether they were sent; "Send again" settles that."""
        is_over = ~Q(error="") | Q(claimed_at__lt=now - SLOWEST_SEND)
        return self.begun().filter(is_over)

    def forget(self, orders: Iterable[Any]) -> None:
        """Forget who the orders were confirmed to, and tell them nothing more."""
        of_shoppers = self.filter(order__in=[*orders]).exclude(kind__startswith="merchant_")
        of_shoppers.waiting().update(due_at=None)
        of_shoppers.exclude(to="", error="").update(to="", error="")

    def failed(self) -> Self:
        return self.filter(sent_at=None, claimed_at=None, due_at=None)

    def refused_since(self, moment: datetime) -> list["Message"]:
        """Return what a mail server refused since then and nobody has sent again."""
        refused = [
            *self.failed().filter(tries__gt=0, created_at__gte=moment).order_by("-created_at")[:100]
        ]
        again = {message.next_key for message in refused}
        sent = {*self.model.objects.filter(key__in=again).values_list("key", flat=True)}
        return [message for message in refused if message.next_key not in sent]


class Message(models.Model):
    """One mail to one person, because of one thing: the outbox of the shop.

    It is written in the transaction of its cause, and claimed before it is sent. `due_at` is
    empty once nothing more happens by itself.
    """

    class Kind(models.TextChoices):
        ORDER_CONFIRMED = "order_confirmed", "order confirmed"
        ORDER_PROCESSING = "order_processing", "waiting for the bank"
        ORDER_SHIPPED = "order_shipped", "order shipped"
        ORDER_REFUNDED = "order_refunded", "order refunded"
        PAYMENT_FAILED = "payment_failed", "payment failed"
        ORDER_LINK = "order_link", "private link"
        NEW_ORDER = "merchant_new_order", "to the merchant: new order"
        REVIEW = "merchant_review", "to the merchant: needs a look"
        DISPUTE = "merchant_dispute", "to the merchant: dispute"
        REFUND_FAILED = "merchant_refund_failed", "to the merchant: refund failed"
        LOW_STOCK = "merchant_low_stock", "to the merchant: low stock"
        BOOKS_DIFFER = "merchant_books_differ", "to the merchant: books differ from Stripe"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENT = "sent", "sent"
        UNSURE = "unsure", "unsure: it may have been sent"
        FAILED = "failed", "not sent"

    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, null=True, blank=True, related_name="messages"
    )
    kind = models.CharField(max_length=30, choices=Kind)
    key = models.CharField(
        max_length=255, unique=True, help_text="Kind, order and cause; at its end which sending."
    )
    to = added_text(254)
    about = models.JSONField(
        null=True, blank=True, help_text="What the order's rows don't say of the cause."
    )
    is_demo = models.BooleanField(
        default=False, db_default=False, help_text="Such a message is never mailed."
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    tries = models.PositiveIntegerField(default=0, db_default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="", db_default="")

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        required_db_features = ("supports_json_field",)  # or checks would open the database
        indexes = (
            models.Index(
                fields=("due_at",),
                condition=Q(sent_at=None, claimed_at=None, due_at__isnull=False),
                name="messages_to_send",
            ),
            # By id, as the desk lists them: or else SQLite would as soon look among all.
            models.Index(
                fields=("id",),
                condition=Q(sent_at=None, claimed_at=None, due_at__isnull=False),
                name="messages_that_wait",
            ),
            models.Index(
                fields=("id",),
                condition=Q(sent_at=None, claimed_at__isnull=False, due_at__isnull=False),
                name="messages_begun",
            ),
            models.Index(
                fields=("id",),
                condition=Q(sent_at=None, claimed_at=None, due_at=None),
                name="messages_not_sent",
            ),
            models.Index(
                fields=("created_at",), condition=Q(order=None), name="messages_of_no_order"
            ),
            models.Index(
                fields=("created_at",),
                condition=Q(sent_at=None, claimed_at=None, due_at=None, tries__gt=0),
                name="messages_that_failed",
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(sent_at=None) | Q(claimed_at__isnull=False),
                name="a_sent_message_was_claimed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.state})"

    @property
    def state(self) -> State:
        if self.sent_at:
            return self.State.SENT
        if self.claimed_at:
            is_over = self.error or self.claimed_at < timezone.now() - SLOWEST_SEND
            return self.State.UNSURE if is_over else self.State.WAITING
        return self.State.WAITING if self.due_at else self.State.FAILED

    @property
    def is_to_merchant(self) -> bool:
        return self.kind.startswith("merchant_")

    @property
    def number(self) -> int:
        """Which sending this is: 1, and more for what was sent again."""
        last = self.key.rpartition("/")[2]
        return int(last) if last.isdecimal() and len(last) < 9 else 1

    @property
    def next_key(self) -> str:
        return f"{self.key.removesuffix(f'/{self.number}')}/{self.number + 1}"
