"""Verified events, and what has to happen because of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from checkout.models.order import Order


class StripeEventQuerySet(models.QuerySet["StripeEvent"]):
    def deferred_for(self, payment_intent: str) -> Self:
        """Events about a payment that no order had when they came; none for no payment."""
        if not payment_intent:
            return self.none()
        return self.filter(payment_intent=payment_intent, deferred__isnull=False)

    def due(self, now: datetime) -> Self:
        """Events whose follow-up is neither done nor being done, nor put off for later."""
        return self.exclude(follow_up="").filter(
            Q(follow_up_after=None) | Q(follow_up_after__lte=now),
            follow_up_done_at=None,
            follow_up_claimed_at=None,
        )

    def newest_heard(self) -> "StripeEvent | None":
        """Return the newest event that came by webhook, of the last few that came at all."""
        return next((event for event in self._newest() if event.came_by_webhook), None)

    def newest_asked_for(self) -> "StripeEvent | None":
        """Return the newest event that told of a payment, if the worker had to ask for it."""
        told = (event for event in self._newest() if event.tells_of_a_payment)
        newest = next(told, None)
        return newest if newest and newest.was_asked_for else None

    def _newest(self) -> Iterable["StripeEvent"]:
        return self.order_by("-id").only("event_id", "type", "note", "outcome", "received_at")[:30]


class StripeEvent(models.Model):
    """A verified event and what came of it: the merchant's audit trail.

    `follow_up` and what belongs to it was the outbox of the last release, whose servers may still
    be at work: `outbox` reads them for this one.
    """

    class Outcome(models.TextChoices):
        APPLIED = "applied", "changed the order"
        NO_CHANGE = "no change", "nothing left to change"
        REVIEW = "review", "needs a look"
        IGNORED = "ignored", "not about this shop's orders"
        UNMATCHED = "unmatched", "names an order that isn't here"

    class FollowUp(models.TextChoices):
        ORDER_PAID = "order paid", "tell that the order is paid"

    # What the worker wrote down because no webhook had brought it.
    MADE_BY_WORKER = "reconciled_"
    ASKED_FOR = "The worker asked Stripe for it: it could not be delivered."

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
    deferred = models.JSONField(
        null=True,
        blank=True,
        editable=False,
        db_column="parked",
        help_text="The event itself, until an order knows its payment.",
    )

    follow_up = models.CharField(max_length=20, choices=FollowUp, blank=True)
    follow_up_tries = models.PositiveIntegerField(default=0)
    follow_up_after = models.DateTimeField(null=True, blank=True)
    follow_up_claimed_at = models.DateTimeField(null=True, blank=True)
    follow_up_done_at = models.DateTimeField(null=True, blank=True)

    objects = StripeEventQuerySet.as_manager()

    class Meta:
        ordering = ("-received_at", "-id")
        # Otherwise Django's checks open the database to look, before there is one.
        required_db_features = ("supports_json_field",)
        indexes = (
            models.Index(
                fields=("follow_up_after",),
                condition=~Q(follow_up="") & Q(follow_up_done_at=None),
                name="follow_ups_to_do",
            ),
            models.Index(
                fields=("payment_intent",),
                condition=Q(deferred__isnull=False),
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

    @property
    def was_asked_for(self) -> bool:
        return self.event_id.startswith(self.MADE_BY_WORKER) or self.note.endswith(self.ASKED_FOR)

    @property
    def tells_of_a_payment(self) -> bool:
        is_news = self.outcome == self.Outcome.APPLIED
        return is_news and self.type.startswith("checkout.session.")

    @property
    def came_by_webhook(self) -> bool:
        return not (self.was_asked_for or self.event_id.startswith("evt_demo_"))
