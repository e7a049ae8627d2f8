"""Mails the private link of an order to a shopper who has lost the browser that knows it.

Only the reader of the mail learns whether an order fits: the answer is the same, and what the
database does for it as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest

from checkout import telling
from checkout.models import Message, Order
from checkout.models.order_queries import reference_in
from storefront.ops.addresses import networks_of
from storefront.ops.rate_limits import times_this_hour
from storefront.ops.spelling import folded

LONGEST = 254
MAILS_AN_HOUR, TRIES_AN_HOUR = 3, 20
NOBODYS = UUID(int=0)
REFERENCE_WORDS = "A reference looks like K7M2-PQ4X. It stands in mails and on the receipt."
ADDRESS_WORDS = "Please enter the e-mail address that you gave at Stripe, such as ada@example.com."


@dataclass(frozen=True)
class Asked:
    """What was typed, and what is wrong with it."""

    reference: str = ""
    email: str = ""
    reference_error: str = ""
    email_error: str = ""

    @property
    def is_readable(self) -> bool:
        return not (self.reference_error or self.email_error)


def is_too_often(request: HttpRequest) -> bool:
    """Count the try; whether the sender's network has made too many of them in this hour."""
    *_, widest = networks_of(request)
    return times_this_hour(f"lost-orders/{widest}") > TRIES_AN_HOUR


def read(form: Mapping[str, str]) -> Asked:
    reference, email = (
        "".join(filter(str.isprintable, form.get(name, "")[:LONGEST])).strip()
        for name in ("reference", "email")
    )
    try:
        validate_email(email)
        email_error = ""
    except ValidationError:
        email_error = ADDRESS_WORDS
    reference_error = "" if reference_in(reference) else REFERENCE_WORDS
    return Asked(reference, email, reference_error, email_error)


@transaction.atomic
def mail_link(asked: Asked, now: datetime) -> None:
    """Mail the link to the order's own address, if that is the one that was typed.

    The same statements run whether it fits or not.
    """
    rows = Order.objects.with_reference(asked.reference)
    fitting = [order for order in rows if folded(order.email) == folded(asked.email)]
    order = fitting[0] if fitting else None
    key = order.pk if order else NOBODYS
    # Two requests at the same moment count one after the other.
    list(Order.objects.select_for_update().filter(pk=key).values_list("pk"))
    mailed = Message.objects.filter(order=key, kind=Message.Kind.ORDER_LINK)
    is_allowed = mailed.filter(created_at__gt=now - timedelta(hours=1)).count() < MAILS_AN_HOUR
    message = telling.message(
        Message.Kind.ORDER_LINK, order, order.email if order else "", uuid4().hex
    )
    message.save(force_insert=True)
    Message.objects.filter(pk=0 if order and is_allowed else message.pk).delete()
