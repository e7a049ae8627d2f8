"""When something that happens again and again happened last, and what came of it."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

A_SECOND = timedelta(seconds=1)


class Heartbeat(models.Model):
    """The last time of one thing, such as the comparison of the books with Stripe."""

    class Name(models.TextChoices):
        BOOKS = "books", "the books were compared with Stripe"
        ROUND = "round", "the worker brought the orders up to date"
        FORGET = "forget", "the worker deleted what is no longer needed"
        NO_FEES = "no fees", "Stripe would not tell what it kept of payments"
        REFUSED = "refused", "a webhook was refused"
        BACKUP = "backup", "the database was saved"
        AT_STRIPE = "at stripe", "Stripe was asked how the shop stands"
        DOCTOR = "doctor", "the worker asked Stripe so by itself"
        STRIPE_WISHED = "stripe wished", "somebody wishes that Stripe is asked"
        TEST_MAIL = "test mail", "a mail was sent to try how mails leave"
        MAIL_WISHED = "mail wished", "somebody wishes such a mail"

    BOOKS_AGREE = "books and Stripe agree"
    # Without a round for so long, no worker runs anywhere.
    WORKER_MISSING_AFTER = timedelta(minutes=10)
    # Anybody may send what is refused; it is written down no more often than this.
    REFUSALS_EVERY = timedelta(seconds=10)

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()
    note = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M}"

    @classmethod
    def beat(cls, name: str, at: datetime | None = None, note: str = "") -> None:
        """Note that it happened, now unless another time is given; a later one stays."""
        new: dict[str, Any] = {"at": at or Now(), "note": note}
        # Or by a clock that was wrong; SQLite's own knows no parts of a millisecond.
        is_older = Q(at__lte=new["at"]) | Q(at__gt=Now() + A_SECOND)
        if not cls.objects.filter(is_older, name=name).update(**new):
            cls.objects.get_or_create(name=name, defaults=new)

    @classmethod
    def refused_webhook(cls, why: str) -> None:
        """Keep when a webhook was refused last, and why: nothing of what it said."""
        if not cls.has_been(cls.Name.REFUSED, cls.REFUSALS_EVERY):
            cls.beat(cls.Name.REFUSED, note=why)

    @classmethod
    def about_books(cls) -> str:
        """Return what the last comparison of the books has found to be wrong, if anything."""
        notes = cls.objects.filter(name=cls.Name.BOOKS).values_list("note", flat=True)
        return next((note for note in notes if not note.startswith(cls.BOOKS_AGREE)), "")

    @classmethod
    def about_worker(cls) -> str:
        """Return that no worker runs anywhere, if that is so."""
        last = cls.last_round()
        if not cls.is_late(last):
            return ""
        since = f"since {timezone.localtime(last):%Y-%m-%d %H:%M %Z}" if last else "yet"
        return f"No worker has looked after the orders {since}"

    @classmethod
    def last_round(cls) -> datetime | None:
        return cls.last(cls.Name.ROUND)

    @classmethod
    def last(cls, name: str) -> datetime | None:
        return cls.objects.filter(name=name).values_list("at", flat=True).first()

    @classmethod
    def is_late(cls, last_round: datetime | None) -> bool:
        return not last_round or last_round < timezone.now() - cls.WORKER_MISSING_AFTER

    @classmethod
    def is_due(cls, name: str, now: datetime, every: timedelta) -> bool:
        """Whether it has not happened for so long; what never happened is due so long from now."""
        last, _ = cls.objects.get_or_create(name=name, defaults={"at": now})
        return last.at <= now - every

    @classmethod
    def claim(cls, name: str, now: datetime, every: timedelta) -> bool:
        """Note that it happens now if it is due; True for the one process that may do it."""
        rows = cls.objects.filter(name=name, at__lte=now - every)
        return cls.is_due(name, now, every) and rows.update(at=now) == 1

    @classmethod
    def has_been(cls, name: str, within: timedelta) -> bool:
        """Whether it happened so short a time ago, by the database's clock."""
        return cls.objects.filter(name=name, at__gt=Now() - within, at__lte=Now()).exists()


def note_backup() -> None:
    Heartbeat.beat(Heartbeat.Name.BACKUP)
