"""Which process may do a piece of the worker's work, of all processes and machines."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Lease(models.Model):
    """The right of one process to do the work of a name, until then unless it is renewed.

    All moments are by the database's clock, as machines may differ.
    """

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=120, blank=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}, held by {self.holder or 'nobody'}"

    @classmethod
    def take(cls, name: str, holder: str) -> bool:
        """Take it if nobody holds it. True for the one that has it then."""
        free, new = cls.objects.filter(name=name, until__lte=Now()), cls._held_by(holder)
        if free.update(**new) == 1:
            return True
        _, was_first = cls.objects.get_or_create(name=name, defaults=new)
        return was_first

    @classmethod
    def renew(cls, name: str, holder: str) -> bool:
        """Hold it for longer; False once it was another's."""
        return cls.objects.filter(name=name, holder=holder).update(**cls._held_by(holder)) == 1

    @classmethod
    def release(cls, holder: str, **which: str) -> bool:
        """Give back what the holder has, so that another need not wait; False if it has none."""
        return cls.objects.filter(holder=holder, **which).update(holder="", until=Now()) > 0

    @classmethod
    def holder_of(cls, name: str) -> str:
        """Return who holds it now, nothing if nobody does."""
        held = cls.objects.filter(name=name, until__gt=Now()).values_list("holder", flat=True)
        return held.first() or ""

    @staticmethod
    def _held_by(holder: str) -> dict[str, Any]:
        return {"holder": holder, "until": Now() + settings.LEASE}
