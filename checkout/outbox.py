"""Sends what is written to shoppers and to the merchant: after the commit of its cause, once.

A message is claimed by one conditional UPDATE before anything is done, so that two workers don't
send it twice. What surely was not sent is tried again later. What may have been sent, because the
worker died in the middle or the mail server did not answer, is not: the claim stays, the desk
shows the message as unsure, and "Send again" is the merchant's to press.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from email.headerregistry import Address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import import_string

from checkout import telling
from checkout.models import Message, Order, StripeEvent
from checkout.models.message import MessageQuerySet
from storefront.models import Shop
from storefront.ops import logs
from storefront.ops.mailing import Down, MayHaveArrived, NotSent, Post, Refused
from storefront.ops.pages import own_url

logger = logging.getLogger(__name__)

Kind = Message.Kind

BATCH = 100
LONGEST_HEADER = 200
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
# An order is confirmed while it is news: a shop that gets its MAIL_URL after a year writes nobody
# about last year's orders.
STALE_AFTER = timedelta(days=3)
# What is only worth writing while the order is so.
NEWS_WHILE = {
    Kind.ORDER_PROCESSING: Order.Status.PROCESSING,
    Kind.PAYMENT_FAILED: Order.Status.FAILED,
}
_is_down = False


class Mail(NamedTuple):
    """The words of one mail."""

    subject: str
    text: str
    html: str


@transaction.atomic
def send_again(message: Message) -> bool:
    """Have the same written once more. False if that has been asked for, or it still waits."""
    if message.state == Message.State.WAITING:
        return False
    again = Message(
        kind=message.kind,
        order=message.order,
        key=message.next_key,
        to=message.to,
        about=message.about,
        is_demo=message.is_demo,
    )
    if message.order and message.order.email and not message.is_to_merchant:
        again.to = message.order.email
    if Message.objects.filter(key=again.key).exists():
        return False
    Message.objects.bulk_create([again], ignore_conflicts=True)
    # What is unsure has been looked at by this.
    Message.objects.filter(pk=message.pk, sent_at=None).update(due_at=None)
    return True


def send_due(now: datetime, rest: Callable[[], bool] | None = None) -> int:
    """Send what is due, and return how many mails that were.

    After each the caller may `rest`, which tells whether to stop. Without a way to mail messages
    wait, but for those that are never mailed.
    """
    _adopt(now)
    began, sent = time.monotonic(), 0
    had_their_turn: set[int] = set()
    due = _due(now).select_related("order").order_by("due_at", "id")
    with closing(Post()) as post:
        # Whatever becomes of a message, it isn't due after it; in any case it has had its turn.
        while batch := [message for message in due[:BATCH] if message.pk not in had_their_turn]:
            for message in batch:
                had_their_turn.add(message.pk)
                passed = timedelta(seconds=time.monotonic() - began)
                try:
                    sent += _send(message, now + passed, post)
                except Down as down:
                    _note_outage(down)
                    return sent
                if rest and rest():
                    return sent
    return sent


def is_due(now: datetime) -> bool:
    """Whether there is something to send."""
    return _due(now).exists() or StripeEvent.objects.due(now).exists()


def unsure(now: datetime) -> int:
    """Return of how many messages nobody knows whether they were sent."""
    return Message.objects.unsure(now).count()


def send_test(to: str) -> str:
    """Send a mail that says nothing but that it came; return what went wrong, if anything did."""
    shop = Shop.current()
    words = f"Mails of {shop.shown_name} leave the shop. This one tells of no order."
    mail = EmailMessage("A test mail of your shop", f"{words}\n", _sender(shop), [to])
    try:
        with closing(Post()) as post:
            post.send(mail)
    except (MayHaveArrived, NotSent) as error:
        return str(error)
    return ""


def has_a_way() -> bool:
    """Whether mails can leave at all."""
    return "default" in settings.MAILERS


def mail_of(message: Message) -> Mail:
    """Return the words of a message, as they are today."""
    mail: Mail = import_string(settings.WRITES_MAILS)(message)
    return mail


def _due(now: datetime) -> MessageQuerySet:
    due = Message.objects.due(now)
    return due if has_a_way() else due.filter(is_demo=True)


def _send(message: Message, now: datetime, post: Post) -> bool:
    """Send one message that is due. Raises Down, and then it is due later."""
    row = Message.objects.filter(pk=message.pk)
    order = str(message.order_id or "")
    with logs.log_context(mail=message.key, order=order):
        if reason := _reason_not_to_send(message, now):
            row.waiting().update(due_at=None, error=reason)
            return False
        try:
            mail = _envelope(message)
        except Exception:
            logger.exception("Could not write message %s; trying later.", message.key)
            row.waiting().update(**_later(message, now, "its words could not be written"))
            return False
        if not row.due(now).update(claimed_at=now):
            return False
        return _deliver(message, mail, now, post)


def _deliver(message: Message, mail: EmailMessage, now: datetime, post: Post) -> bool:
    """Send one message that is claimed, and write down what became of it."""
    row = Message.objects.filter(pk=message.pk)
    try:
        _post(message, mail, post)
    except MayHaveArrived as unsure:
        logger.error("Message %s may have been sent, or not: see the desk.", message.key)
        row.update(error=str(unsure))
        return False
    except Refused as refused:
        logger.warning("Message %s can't be sent: see the desk.", message.key)
        row.update(claimed_at=None, **_later(message, now, str(refused)) | {"due_at": None})
        return False
    except NotSent as failure:
        row.update(claimed_at=None, **_later(message, now, str(failure)))
        if isinstance(failure, Down):
            raise
        logger.warning("Message %s was put off: see the desk.", message.key)
        return False
    row.update(sent_at=now, error="")
    logger.info("Sent message %s.", message.key)
    return True


def _reason_not_to_send(message: Message, now: datetime) -> str:
    status = NEWS_WHILE.get(Kind(message.kind))
    if status and message.order and message.order.status != status:
        return "it was no longer true when it could be sent"
    if message.created_at < now - STALE_AFTER:
        return "it was too old when it could be sent"
    return ""


def _later(message: Message, now: datetime, why: str) -> dict[str, Any]:
    wait = min(FIRST_WAIT * 2 ** min(message.tries, 10), LONGEST_WAIT)
    return {"due_at": now + wait, "tries": F("tries") + 1, "error": why}


def _post(message: Message, mail: EmailMessage, post: Post) -> None:
    if not message.is_demo:
        post.send(mail)
        _note_no_outage()
    elif "terminal" in settings.MAILERS:
        Post("terminal").send(mail)


def _envelope(message: Message) -> EmailMessage:
    """Return the mail with the headers that keep holiday replies away and an order's together."""
    written = mail_of(message)
    headers = {
        "Message-ID": _message_id(message),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
    }
    if message.order and (first := _first_of(message, message.order)) != message:
        headers["References"] = _message_id(first)
    shop = Shop.current()
    answers_to = settings.MERCHANT_MAIL or shop.contact_mail if not message.is_to_merchant else ""
    mail = EmailMultiAlternatives(
        " ".join(written.subject.split())[:LONGEST_HEADER],
        written.text,
        _sender(shop),
        [message.to],
        reply_to=[answers_to] if answers_to else None,
        headers=headers,
    )
    mail.attach_alternative(written.html, "text/html")
    return mail


def _sender(shop: Shop) -> str:
    box, _, domain = (settings.MAIL_FROM or f"orders@{_host()}").rpartition("@")
    return str(Address(shop.shown_name[:LONGEST_HEADER], box, domain))


def _first_of(message: Message, order: Order) -> Message:
    """Return the first message about the order to the same reader."""
    others = order.messages.order_by("id")
    to_merchant = Q(kind__startswith="merchant_")
    return others.filter(to_merchant if message.is_to_merchant else ~to_merchant)[0]


def _message_id(message: Message) -> str:
    """Return the same for each try, so that most programs show a mail once that came twice."""
    what = message.order.reference if message.order else "shop"
    digest = hashlib.blake2b(message.key.encode(), digest_size=8).hexdigest()
    return f"<{message.kind}.{what}.{digest}@{_host()}>"


def _host() -> str:
    return urlsplit(own_url()).hostname or settings.MAIL_FROM.rpartition("@")[2] or "localhost"


def _note_outage(down: Down) -> None:
    """Log it once, and not at each try; an answer's own words may name a person."""
    global _is_down
    if not _is_down:
        cause = down.__cause__
        code = getattr(cause, "smtp_code", None) or getattr(cause, "status_code", None) or ""
        words = f"{type(cause).__name__} {code}".strip()
        logger.error("No mail leaves (%s), so messages wait: see the desk.", words)
    _is_down = True


def _note_no_outage() -> None:
    """What failed for that reason alone needn't wait any longer."""
    global _is_down
    if _is_down:
        logger.info("Mails leave again.")
        Message.objects.waiting().filter(tries__gt=0).update(due_at=timezone.now())
    _is_down = False


def _adopt(now: datetime) -> None:
    """Write what servers of the last release noted with the event; they may still be at work."""
    # Neither by id alone nor joined with the orders: planners can't know how few events are due,
    # and would go through all events for the one, and through all orders for the other.
    in_turn = F("follow_up_after").asc(nulls_first=True)
    noted = StripeEvent.objects.due(now).order_by(in_turn, "id")
    for event in noted[:BATCH]:
        with transaction.atomic():
            row = StripeEvent.objects.filter(pk=event.pk)
            if row.due(now).update(follow_up_done_at=now) and event.order:
                telling.paid(event.order, event.order.email, event.received_at)
