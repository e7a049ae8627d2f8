"""Which shop this is, and what its merchant says of it."""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import Error, models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format

from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.fields import added_text

NAME = "Storefront"
DESCRIPTION = "A small shop with a few good things."
BRAND = "#165c6b"
"""The colour of a shop that has chosen none, as the stylesheets and the mails have it."""
FOLLOWS_WITHIN = 5
"""After so many seconds the last process shows what the merchant has changed."""
ENVIRONMENT = {
    "name": "SHOP_NAME",
    "description": "SHOP_DESCRIPTION",
    "logo": "SHOP_LOGO",
    "accent": "SHOP_ACCENT",
    "time_zone": "TIME_ZONE",
}
"""What the environment may say as well, and then says for good."""


def six_digits(colour: str) -> str:
    """Return a colour such as #abc in full."""
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])


class Known(NamedTuple):
    """The row as a process has read it last, and when."""

    shop: "Shop"
    at: float


class Contact(NamedTuple):
    """How the merchant is reached, and who that is by law."""

    address: tuple[str, ...]
    phone: str
    mail: str
    tax_id: str

    @property
    def dialled(self) -> str:
        """The phone number as a link takes it."""
        return "".join(c for c in self.phone if c in "+0123456789")


class Shop(models.Model):
    """The one row that tells this shop from others on the same account at Stripe, and says what it
    is called, how it looks and whether it sells.

    It lies in the database, where the orders are: a new domain changes nothing, and a backup
    brings it back. What the environment says wins (`shown_…`); what neither says has a default.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SHIPS_LATER = "ships_later", "Open, and ships again on a date"
        CLOSED = "closed", "Closed until a date"

    identity = models.UUIDField(default=uuid4, editable=False)
    version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    state = models.CharField(
        max_length=20, choices=State.choices, default=State.OPEN, db_default=State.OPEN
    )
    until = models.DateField(null=True, blank=True)
    words = added_text(300)
    announcement = added_text(200)
    name = added_text(80)
    description = added_text(200)
    logo = added_text(32, editable=False)
    accent = added_text(7)
    contact_mail = models.EmailField(blank=True, default="", db_default="")
    phone = added_text(40)
    address = models.TextField(max_length=500, blank=True, default="", db_default="")
    tax_id = added_text(40)
    delivery_note = added_text(300)
    return_days = models.PositiveSmallIntegerField(null=True, blank=True)
    returns_note = added_text(300)
    time_zone = added_text(64)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="there_is_one_shop"),
            models.CheckConstraint(
                condition=Q(state__in=("open", "closed"))
                | Q(state="ships_later", until__isnull=False),
                name="a_shop_that_ships_later_says_when",
            ),
        )

    def __str__(self) -> str:
        return self.identity.hex

    # The row

    @classmethod
    def this(cls) -> "Shop":
        return cls.objects.get_or_create(pk=1)[0]

    @classmethod
    def current(cls) -> "Shop":
        """Return the row as it was at most five seconds ago, or before the database went away."""
        known = _last.known
        if known and monotonic() - known.at < FOLLOWS_WITHIN:
            return known.shop
        # One asks for all; the others go on with what they know, if they know anything.
        if not _last.is_being_read.acquire(blocking=known is None):
            return cls.known()
        try:
            return cls.read()
        except Error:
            _last.known = Known(cls.known(), monotonic())
            return cls.known()
        finally:
            _last.is_being_read.release()

    @classmethod
    def known(cls) -> "Shop":
        """Return what this process has read last, without asking the database."""
        return _last.known.shop if _last.known else cls()

    @classmethod
    def read(cls) -> "Shop":
        """Return the row as it is at this moment."""
        began = monotonic()
        shop = next(iter(the_row()), None) or cls()
        _last.known = Known(shop, began)
        return shop

    @classmethod
    def change(cls, seen: int, values: Mapping[str, Any]) -> bool:
        """Write what the merchant says; False if somebody has since the version that was `seen`."""
        row = cls.objects.filter(pk=1, version=seen)
        has_changed = row.update(version=seen + 1, **values) == 1
        cls.forget()
        return has_changed

    @classmethod
    def forget(cls) -> None:
        """Read the row anew when it is asked for next."""
        _last.known = None

    # What it says

    @property
    def shown_name(self) -> str:
        return settings.SHOP_NAME or self.name or NAME

    @property
    def shown_description(self) -> str:
        return settings.SHOP_DESCRIPTION or self.description or DESCRIPTION

    @property
    def shown_accent(self) -> str:
        return settings.SHOP_ACCENT or self.accent

    @property
    def shown_logo(self) -> str:
        """What the files of the uploaded logo are called by; nothing if there is none to show."""
        return "" if settings.SHOP_LOGO else self.logo

    @property
    def zone(self) -> tzinfo:
        try:
            return ZoneInfo(settings.SHOP_TIME_ZONE or self.time_zone or settings.TIME_ZONE)
        except (OSError, ValueError, KeyError):  # of another machine's list of zones
            return timezone.get_default_timezone()

    @property
    def contact(self) -> Contact | None:
        lines = tuple(filter(None, map(str.strip, self.address.splitlines())))
        contact = Contact(lines, self.phone, self.contact_mail, self.tax_id)
        return contact if any(contact) else None

    @property
    def returns(self) -> str:
        """How what was bought can be sent back; nothing if the merchant doesn't say."""
        days = ""
        if self.return_days:
            days = f"You can return it within {self.return_days} day"
            days += "." if self.return_days == 1 else "s."
        return " ".join(filter(None, [days, self.returns_note]))

    # Whether it sells

    def is_closed(self, now: datetime) -> bool:
        return self.state == self.State.CLOSED and self._is_still_so(now)

    def notice(self, now: datetime) -> str:
        """Return what every page says of how the shop is open; nothing if it simply is."""
        if self.state == self.State.OPEN or not self._is_still_so(now):
            return ""
        day = _written(self.until)
        if self.state == self.State.SHIPS_LATER:
            said = f"You can order now: we ship again on {day}."
        else:
            said = f"We are closed until {day}." if day else "We are closed for the moment."
        return f"{said} {self.words}".strip()

    def _is_still_so(self, now: datetime) -> bool:
        """Whether the day has not come yet, by the shop's own clock."""
        return self.until is None or timezone.localdate(now, self.zone) < self.until


class Last:
    """What this process knows."""

    known: Known | None = None
    is_being_read = Lock()


_last = Last()
the_row = CompiledQuery(lambda: Shop.objects.filter(pk=1))


def shop_zone() -> tzinfo:
    """Return the zone of the shop's days: those of the desk, of exports, mails and receipts."""
    return Shop.current().zone


def _written(day: date | None) -> str:
    return date_format(day, "j F Y") if day else ""
