"""When something that happens again and again happened last, and what came of it."""

from datetime import datetime, timedelta

from django.db import models


class Heartbeat(models.Model):
    """The last time of one thing, such as the comparison of the books with Stripe."""

    class Name(models.TextChoices):
        BOOKS = "books", "the books were compared with Stripe"
        ROUND = "round", "the worker brought the orders up to date"

    BOOKS_AGREE = "books and Stripe agree"

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()
    note = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M}"

    @classmethod
    def beat(cls, name: str, at: datetime, note: str = "") -> None:
        cls.objects.update_or_create(name=name, defaults={"at": at, "note": note})

    @classmethod
    def about_books(cls) -> str:
        """Return what the last comparison of the books has found to be wrong, if anything."""
        notes = cls.objects.filter(name=cls.Name.BOOKS).values_list("note", flat=True)
        return next((note for note in notes if not note.startswith(cls.BOOKS_AGREE)), "")

    @classmethod
    def is_due(cls, name: str, now: datetime, every: timedelta) -> bool:
        """Whether it has not happened for so long; what never happened is due so long from now."""
        last, _ = cls.objects.get_or_create(name=name, defaults={"at": now})
        return last.at <= now - every
