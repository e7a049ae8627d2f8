"""What the shop's own tables and settings say of it, without asking anybody."""

import platform
from datetime import datetime, timedelta

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.db import connection

from checkout import outbox
from checkout.doctor.findings import Finding, fine, not_allowed, unknown, wrong
from checkout.gateway.accounts import API_VERSION
from checkout.models import Heartbeat, Message, Order, StripeEvent
from storefront.ops import mail_url
from storefront.ops.health import are_migrations_pending
from storefront.ops.pages import own_url, payment_mode
from storefront.ops.static_files import is_collected

Name = Heartbeat.Name
HOUR = timedelta(hours=1)
# What was refused before says nothing of today.
FRESH = timedelta(days=2)
# A bank debit is paid, or has failed, within so long.
SLOWEST_BANK = timedelta(days=15)
BACKUP_EVERY = timedelta(days=2)
LATE_MESSAGE = timedelta(minutes=15)


def look(now: datetime) -> list[Finding]:
    """Return how all of it stands, most important first."""
    return [
        mode(),
        *([] if settings.STRIPE_DEMO_MODE else [secret(), last_event(), last_refusal(now)]),
        orders(now),
        *([] if settings.STRIPE_DEMO_MODE else [books(), fees(now)]),
        worker(),
        mail(),
        messages(now),
        backup(now),
        address(),
        static_files(),
        database(),
        version(),
    ]


def mode() -> Finding:
    title, now = "Mode and keys", payment_mode()
    if now == "demo":
        return fine(title, "DEMO: there are no Stripe keys, and nothing is charged.")
    if now == "test":
        return fine(title, "TEST: both keys are of Stripe's test mode, and no card is charged.")
    return fine(title, "LIVE: both keys are of Stripe's live mode.")


def secret() -> Finding:
    title = "Webhook secret"
    secrets = [each for each in settings.STRIPE_WEBHOOK_SECRET.split(",") if each]
    if not secrets:
        todo = "Set STRIPE_WEBHOOK_SECRET to the signing secret of the endpoint (whsec_…)."
        return wrong(title, "It is not set, so no payment can be confirmed.", todo)
    if len(secrets) > 1:
        todo = "Once all events come by the new one, remove the old one."
        return fine(title, f"{len(secrets)} are set, as while one is rolled.", todo)
    return fine(title, "It is set; the round trip shows whether it is the right one.")


def last_event() -> Finding:
    title = "Last event of Stripe's"
    if not (heard := StripeEvent.objects.newest_heard()):
        return unknown(title, "None was heard yet.")
    return fine(title, f"{heard.type}.", at=heard.received_at)


def last_refusal(now: datetime) -> Finding:
    title = "Last refused webhook"
    last = Heartbeat.objects.filter(name=Name.REFUSED).first()
    if not last:
        return fine(title, "None.")
    heard = StripeEvent.objects.newest_heard()
    if heard and heard.received_at > last.at:
        return fine(title, f"{_sentence(last.note)} Events were believed since then.", at=last.at)
    if last.at < now - FRESH:
        return fine(title, _sentence(last.note), at=last.at)
    todo = (
        "Compare STRIPE_WEBHOOK_SECRET with the endpoint's signing secret in Stripe's dashboard; "
        "`manage.py doctor` makes sure. It may also have been sent by somebody else."
    )
    return wrong(title, _sentence(last.note), todo, last.at)


def orders(now: datetime) -> Finding:
    title = "Orders that wait"
    waiting, long_ago = Order.objects.awaiting_stripe(), now - SLOWEST_BANK
    late = waiting.filter(status=Order.Status.PENDING, created_at__lt=_over(now)).count()
    slow = waiting.filter(status=Order.Status.PROCESSING, created_at__lt=long_ago).count()
    if late or slow:
        words = [
            f"waiting for Stripe's word longer than a payment can take: {late}" if late else "",
            f"waiting for a bank for more than {SLOWEST_BANK.days} days: {slow}" if slow else "",
        ]
        todo = "`manage.py reconcile_orders` asks Stripe; the rows on webhook and worker say why."
        return wrong(title, _sentence("; ".join(filter(None, words))), todo)
    return fine(title, "None waits longer than usual.")


def books() -> Finding:
    title = "Books and Stripe"
    last = Heartbeat.objects.filter(name=Name.BOOKS).first()
    if not last or not last.note:
        return unknown(title, "They were not compared yet: the worker does so once a day.")
    if note := Heartbeat.about_books():
        todo = "docs/operating.md, Books and Stripe; `manage.py reconcile_orders --compare`."
        return wrong(title, _sentence(note), todo, last.at)
    return fine(title, _sentence(last.note), at=last.at)


def fees(now: datetime) -> Finding:
    title, last = "Stripe's fees", Heartbeat.last(Name.NO_FEES)
    if last and last > now - FRESH:
        todo = "Give the key Balance transactions: read, if Money shall know them."
        return not_allowed(title, "The key may not read what Stripe keeps.", todo)
    return fine(title, "The worker reads them once an order is paid.")


def worker() -> Finding:
    title, at = "Worker", Heartbeat.last_round()
    if words := Heartbeat.about_worker():
        if settings.STRIPE_DEMO_MODE:
            return unknown(title, f"{words}; the demo has little to do for one.")
        who = {
            "inline": "The server starts it: look into its log.",
            "process": "Run `manage.py work`, as WORKER=process says.",
            "off": "WORKER is off: let cron run `manage.py reconcile_orders` every five minutes.",
        }
        return wrong(title, f"{words}.", who[settings.WORKER], at)
    return fine(title, "It looks after the orders.", at=at)


def mail() -> Finding:
    title = "Mail"
    if settings.STRIPE_DEMO_MODE:
        return fine(title, "In the demo nothing is mailed.")
    if settings.MAILERS.get("default") == mail_url.TERMINAL:
        return fine(title, "Mails are printed, as on a machine of one's own.")
    if not outbox.has_a_way():
        return wrong(title, "MAIL_URL is not set, so no mail is sent.", "Set MAIL_URL.")
    if not settings.MERCHANT_MAIL:
        todo = "Set MERCHANT_MAIL, so that you hear of orders, disputes and refunds that failed."
        return wrong(title, "Shoppers are written to, and you are not.", todo)
    return fine(title, f"You are written to at {settings.MERCHANT_MAIL}.")


def messages(now: datetime) -> Finding:
    title, rows = "Messages", Message.objects.all()
    waiting = rows.waiting().filter(is_demo=False)
    if tried := waiting.filter(tries__gt=0).order_by("due_at").first():
        todo = "It is tried again by itself. MAIL_URL says how mails leave."
        return wrong(title, f"Mails are put off: {_sentence(tried.error)}", todo)
    late = waiting.filter(due_at__lt=now - LATE_MESSAGE).count() if outbox.has_a_way() else 0
    unsure = outbox.unsure(now)
    if late or unsure:
        words = [
            f"waiting for longer than {LATE_MESSAGE.seconds // 60} minutes: {late}" if late else "",
            f"nobody knows whether they were sent: {unsure}" if unsure else "",
        ]
        todo = "Messages at the desk lists them; only the worker sends any."
        return wrong(title, _sentence("; ".join(filter(None, words))), todo)
    return fine(title, "All that was due has left.")


def backup(now: datetime) -> Finding:
    title, at = "Backup", Heartbeat.last(Name.BACKUP)
    todo = "Let `manage.py backup` run each night, and keep its file on another disk."
    if not at:
        return unknown(
            title, "`manage.py backup` has not run yet; your platform may save it.", todo
        )
    if at < now - BACKUP_EVERY:
        return wrong(title, "The last one is old.", todo, at)
    return fine(title, "It was saved.", at=at)


def address() -> Finding:
    title, own = "Address", own_url()
    if settings.DEBUG and settings.IS_PUBLIC:
        return wrong(title, "DEBUG is on, and strangers read what failed.", "Remove DEBUG.")
    if not settings.SITE_URL:
        if settings.DEBUG:
            return fine(title, "SITE_URL is not set, as on a machine of one's own.")
        words = "SITE_URL is not set: mails and Stripe's endpoint have no sure address."
        return wrong(title, words, "Set SITE_URL to where shoppers find the shop.")
    if not settings.IS_PUBLIC:
        words = f"{own}: strangers can't reach it, nor can Stripe."
        todo = "On a server set SITE_URL to its https address; `stripe listen` is for your own."
        return wrong(title, words, todo) if settings.STRIPE_LIVE_MODE else fine(title, words)
    return fine(title, f"{own}, by https.")


def static_files() -> Finding:
    title = "Static files"
    if settings.DEBUG or not (settings.STATIC_ROOT / "staticfiles.json").exists():
        words = "They are served as they are, without `manage.py collectstatic`."
        todo = "Run it, as each deploy does: or browsers keep old ones."
        is_fine = settings.DEBUG or not settings.IS_PUBLIC
        return fine(title, words) if is_fine else wrong(title, words, todo)
    present = {path for finder in get_finders() for path, _ in finder.list([])}
    if missing := sorted(name for name in present if not is_collected(name)):
        words = f"{len(missing)} came after the last collectstatic, such as {missing[0]}."
        return wrong(title, words, "Run `manage.py collectstatic` once more.")
    return fine(title, f"{len(present)} are collected.")


def database() -> Finding:
    title = "Database"
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(connection.vendor, "")
    number = ".".join(map(str, connection.get_database_version()))
    if are_migrations_pending():
        return wrong(title, f"{name} {number}: migrations wait.", "Run `manage.py migrate`.")
    is_lost = connection.vendor == "sqlite" and settings.IS_PUBLIC and not settings.PERSISTENT_DISK
    if is_lost:
        todo = "Use PostgreSQL, or set PERSISTENT_DISK=true if the disk outlives each deploy."
        return wrong(title, f"{name} {number}: a deploy may wipe its file.", todo)
    return fine(title, f"{name} {number}, up to date.")


def version() -> Finding:
    python = platform.python_version()
    words = f"Django {django.__version__}, Python {python}, Stripe's API {API_VERSION}."
    return fine("Version", words)


def _over(now: datetime) -> datetime:
    """Before this moment each session has ended, and its event should have come."""
    return now - settings.CHECKOUT_LIFETIME - HOUR


def _sentence(note: str) -> str:
    note = note.strip().rstrip(".")
    return f"{note[:1].upper()}{note[1:]}."
