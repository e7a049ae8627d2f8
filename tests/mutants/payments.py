"""Guards on the way of a payment: whose it is, whether it fits, and that it counts once."""

from tests.mutants.mutant import mutant

MODELS = "checkout/models.py"
LIFECYCLE = "checkout/lifecycle.py"
PAYMENTS = "checkout/payments.py"
EVENTS = "checkout/events.py"
GATEWAY = "checkout/gateway.py"
WEBHOOKS = "checkout/webhooks.py"
READING = "checkout/reading.py"
PAYING = "checkout/test_paying_for_an_order"
SAME_MOMENT = "checkout/test_the_same_moment"
EVENTS_BY_STATE = "checkout/test_lifecycle"
WEBHOOK = "checkout/test_webhooks"

MOVES = [
    mutant(
        "the WHERE of a move forgets the state",
        (MODELS, "pk=pk, status__in=states\n", "pk=pk\n"),
        at=SAME_MOMENT,
    ),
    mutant(
        "the WHERE of a move forgets the session",
        (
            MODELS,
            "Q(session_id=None) | Q(session_id=session_id), pk=pk, status",
            "pk=pk, status",
        ),
        at=SAME_MOMENT,
    ),
    mutant(
        "a move is won by everybody",
        (
            MODELS,
            ".update(self.pk, session_id, **changes) == 1",
            ".update(self.pk, session_id, **changes) >= 0",
        ),
        at=SAME_MOMENT,
    ),
    mutant(
        "who loses the move pays as well",
        (
            PAYMENTS,
            '    if not _move(order, session["id"], Fact.PAID, **_money(event, session)):\n'
            "        return _paid_before(order, event, session)\n",
            '    _move(order, session["id"], Fact.PAID, **_money(event, session))\n',
        ),
        at=PAYING,
    ),
    mutant(
        "PAID is left by a late expiry",
        (
            LIFECYCLE,
            "{Status.PENDING: Status.EXPIRED}",
            "dict.fromkeys((Status.PENDING, Status.PAID), Status.EXPIRED)",
        ),
        at=EVENTS_BY_STATE,
    ),
    mutant(
        "PAID is left by a late failure",
        (
            LIFECYCLE,
            "(Status.PENDING, Status.PROCESSING), Status.FAILED",
            "(Status.PENDING, Status.PROCESSING, Status.PAID), Status.FAILED",
        ),
        at=EVENTS_BY_STATE,
    ),
    mutant(
        "a bank debit under way expires",
        (LIFECYCLE, "{Status.PENDING: Status.EXPIRED}", "dict.fromkeys(UNPAID, Status.EXPIRED)"),
        at=EVENTS_BY_STATE,
    ),
    mutant(
        "an expired order can't be paid late",
        (LIFECYCLE, "Fact.PAID: dict.fromkeys(UNPAID,", "Fact.PAID: dict.fromkeys(UNPAID[:3],"),
        at=EVENTS_BY_STATE,
    ),
    mutant(
        "a reviewed order turns PAID by a fitting event",
        (
            LIFECYCLE,
            "Fact.PAID: dict.fromkeys(UNPAID,",
            "Fact.PAID: dict.fromkeys((*UNPAID, Status.REVIEW),",
        ),
        at=EVENTS_BY_STATE,
    ),
    mutant(
        "a refund of reviewed money leaves it under review",
        (
            LIFECYCLE,
            "dict.fromkeys((Status.PAID, Status.REVIEW), Status.REF",
            "dict.fromkeys((Status.PAID,), Status.REF",
        ),
        at=EVENTS_BY_STATE,
    ),
    mutant(
        "a failed refund of reviewed money makes it PAID",
        (
            "checkout/refunds.py",
            "fact = Fact.REVIEW_REOPENED if order.was_reviewed else Fact.REFUND_UNDONE",
            "fact = Fact.REFUND_UNDONE",
        ),
        at="checkout/test_refunds_and_disputes",
    ),
]

WHAT_IS_PAID = [
    mutant(
        "every payment_status is paid",
        (PAYMENTS, 'session.get("payment_status") in ("paid", "no_payment_required")', "True"),
        at=PAYING,
    ),
    mutant(
        "an unknown payment_status is paid",
        (PAYMENTS, 'in ("paid", "no_payment_required")', '!= "unpaid"'),
        at=PAYING,
    ),
    mutant(
        "an order of nothing is not paid",
        (PAYMENTS, '("paid", "no_payment_required")', '("paid",)'),
        at=PAYING,
    ),
    mutant(
        "the amount is not compared",
        (PAYMENTS, "type(amount) is not int\n        or amount != order.total_cents", "False"),
        at=PAYING,
    ),
    mutant(
        "an amount may be a float",
        (PAYMENTS, "type(amount) is not int\n        or amount", "amount"),
        at=PAYING,
    ),
    mutant(
        "the currency is not compared",
        (
            PAYMENTS,
            "not isinstance(currency, str)\n        or currency.lower() != order.currency",
            "False",
        ),
        at=PAYING,
    ),
    mutant(
        "livemode is not compared",
        (PAYMENTS, 'json.get("livemode") not in (None, settings.STRIPE_LIVE_MODE)', "False"),
        at=PAYING,
    ),
    mutant(
        "the event's own livemode is not compared",
        (PAYMENTS, "for json in (event, session)", "for json in (session,)"),
        at=PAYING,
    ),
    mutant(
        "the session's mode is not looked at",
        (PAYMENTS, 'session.get("mode") not in (None, "payment")', "False"),
        at=PAYING,
    ),
    mutant(
        "client_reference_id is not compared",
        (PAYMENTS, 'session.get("client_reference_id") not in mine', "False"),
        at=PAYING,
    ),
    mutant(
        "the metadata is not compared",
        (
            PAYMENTS,
            'reading.mapping(session.get("metadata")).get("order_id")\n        not in mine',
            "False",
        ),
        at=PAYING,
    ),
    mutant(
        "the PaymentIntent is not compared",
        (PAYMENTS, "and intent != order.payment_intent,", "and False,"),
        at=PAYING,
    ),
    mutant(
        "news without money need not fit",
        (PAYMENTS, "won = not misfit and _move(", "won = _move("),
        at=PAYING,
    ),
]

WHOSE_IT_IS = [
    mutant(
        "an order is found by client_reference_id",
        (
            PAYMENTS,
            'reading.uuid(reading.mapping(session.get("metadata")).get("order_id"))',
            'reading.uuid(session.get("client_reference_id"))',
        ),
        at=PAYING,
    ),
    mutant(
        "an order that has a session adopts another",
        (PAYMENTS, 'stray = order.session_id not in (None, session["id"])', "stray = False"),
        (
            MODELS,
            "Q(session_id=None) | Q(session_id=session_id), pk=pk, status",
            "pk=pk, status",
        ),
        at=PAYING,
    ),
    mutant(
        "a session that was never stored is not adopted",
        (PAYMENTS, "Q(session_id=session_id) | Q(pk=named)", "Q(session_id=session_id)"),
        at=PAYING,
    ),
    mutant(
        "the metadata outweighs the stored session",
        (
            PAYMENTS,
            "key=lambda order: order.session_id !=",
            "key=lambda order: order.session_id ==",
        ),
        at=PAYING,
    ),
    mutant(
        "an order that isn't here is passed over in silence",
        (PAYMENTS, "    if named is None:\n", "    if True:\n"),
        at=PAYING,
    ),
    mutant(
        "a second session, paid at the same moment, is dropped",
        (PAYMENTS, 'if order.session_id != session["id"]:', "if False:"),
        at=SAME_MOMENT,
    ),
    mutant(
        "who was slower judges by what it read before",
        (
            PAYMENTS,
            'order.refresh_from_db(fields=["status", "session_id", "payment_intent"])',
            "pass",
        ),
        at=SAME_MOMENT,
    ),
    mutant(
        "the order's own money is dropped while it is under review",
        (
            PAYMENTS,
            "if order.status == Order.Status.REVIEW and order.payment_intent != intent:",
            "if False:",
        ),
        at=PAYING,
    ),
    mutant(
        "a stray session's money passes for the order's own",
        (PAYMENTS, 'if order.session_id not in (None, session["id"]):', "if False:"),
        at=PAYING,
    ),
]

REVIEW = [
    mutant(
        "money that doesn't fit is not flagged",
        (PAYMENTS, "**money)\n    order.flag(reason)", "**money)"),
        at=PAYING,
    ),
    mutant(
        "money that doesn't fit moves nothing",
        (PAYMENTS, "    _move(order, own, Fact.MISFIT, **money)\n", ""),
        at=PAYING,
    ),
    mutant(
        "a reason is told at every delivery",
        (MODELS, ".exclude(review_reason__contains=reason)", ""),
        at=PAYING,
    ),
    mutant(
        "a new reason wipes the old one",
        (MODELS, 'Concat("review_reason", Value(f"{reason}\\n"))', 'f"{reason}\\n"'),
        at="checkout/test_refunds_and_disputes",
    ),
    mutant(
        "late money for goods that are gone is not flagged",
        (PAYMENTS, '["id"])\n    order.flag(reason)', '["id"])'),
        at="checkout/test_stock",
    ),
    mutant(
        "late money for goods that are gone is PAID",
        (PAYMENTS, "order.move(target(Fact.PAID_LATE),", "order.move(target(Fact.PAID),"),
        at="checkout/test_stock",
    ),
]

RECORDING = [
    mutant(
        "the event is recorded outside the transaction",
        (EVENTS, "        with transaction.atomic():\n", "        if True:\n"),
        at=WEBHOOK,
    ),
    mutant(
        "every IntegrityError passes for a second delivery",
        (EVENTS, "if not StripeEvent.objects.filter(event_id=event_id).exists():", "if False:"),
        at=WEBHOOK,
    ),
    mutant(
        "a second delivery is an error",
        (EVENTS, "if not StripeEvent.objects.filter(event_id=event_id).exists():", "if True:"),
        at=PAYING,
    ),
    mutant(
        "anything is an event",
        (EVENTS, "if not (event_id and kind and isinstance(thing, dict)):", "if False:"),
        at=WEBHOOK,
    ),
]

DELIVERIES = [
    mutant(
        "the signature is not verified",
        (GATEWAY, "        _verify(text, signature)\n", ""),
        at=WEBHOOK,
    ),
    mutant(
        "a signature never gets old",
        (GATEWAY, "secrets[-1], tolerance=300", "secrets[-1], tolerance=None"),
        at=WEBHOOK,
    ),
    mutant(
        "a signature by the first of two secrets never gets old",
        (GATEWAY, "secret, tolerance=300", "secret, tolerance=None"),
        at=WEBHOOK,
    ),
    mutant(
        "only the first of two secrets counts",
        (GATEWAY, 'STRIPE_WEBHOOK_SECRET.split(",")', 'STRIPE_WEBHOOK_SECRET.split(",")[:1]'),
        at=WEBHOOK,
    ),
    mutant(
        "only the last of two secrets counts",
        (GATEWAY, "for secret in secrets[:-1]:", "for secret in secrets[:0]:"),
        at=WEBHOOK,
    ),
    mutant(
        "NaN is a number",
        (GATEWAY, "json.loads(text, parse_constant=_refuse_constant)", "json.loads(text)"),
        at=WEBHOOK,
    ),
    mutant(
        "a list is an event",
        (GATEWAY, "    if not isinstance(event, dict):\n        raise ForgedWebhook\n", ""),
        at=WEBHOOK,
    ),
    mutant(
        "what is no JSON is our fault",
        (GATEWAY, "(ValueError, TypeError, RecursionError, ", "(TypeError, RecursionError, "),
        at=WEBHOOK,
    ),
    mutant(
        "JSON a hundred thousand levels deep is our fault",
        (GATEWAY, "(ValueError, TypeError, RecursionError, ", "(ValueError, TypeError, "),
        at=WEBHOOK,
    ),
    mutant(
        "a signed delivery of another shape is our fault",
        (WEBHOOKS, "except events.MalformedEvent as error:", "except ZeroDivisionError as error:"),
        at=WEBHOOK,
    ),
    mutant(
        "a forged delivery is our fault",
        (WEBHOOKS, "except gateway.ForgedWebhook:", "except ZeroDivisionError:"),
        at=WEBHOOK,
    ),
    mutant(
        "a webhook is heard without a secret",
        (WEBHOOKS, "if not settings.STRIPE_WEBHOOK_SECRET:", "if False:"),
        at=WEBHOOK,
    ),
    mutant("a webhook needs the token of a form", (WEBHOOKS, "@csrf_exempt\n", ""), at=WEBHOOK),
    mutant("a webhook may be a GET", (WEBHOOKS, "@require_POST\n", ""), at=WEBHOOK),
    mutant(
        "a webhook without the slash is redirected",
        ("checkout/urls.py", '    path("stripe/webhook", webhooks.stripe_webhook),\n', ""),
        at=WEBHOOK,
    ),
    mutant(
        "a webhook is redirected to https",
        ("storefront/settings.py", ', r"^stripe/webhook/?$"]', "]"),
        at=WEBHOOK,
    ),
]

ODD_VALUES = [
    mutant(
        "an id may hold anything",
        (READING, " and IDENTIFIER.fullmatch(value) else", " else"),
        at=PAYING,
    ),
    mutant(
        "an email may hold anything",
        (READING, " or not address.isprintable()", ""),
        at=PAYING,
    ),
    mutant(
        "True is an amount",
        (READING, "value if type(value) is int and", "value if isinstance(value, int) and"),
        at="checkout/test_refunds_and_disputes",
    ),
    mutant(
        "a time may be any number",
        (
            READING,
            "type(seconds) is not int or not 0 < seconds < 2**32",
            "type(seconds) is not int",
        ),
        at=PAYING,
    ),
]

MUTANTS = [
    *(*MOVES, *WHAT_IS_PAID, *WHOSE_IT_IS),
    *(*REVIEW, *RECORDING, *DELIVERIES, *ODD_VALUES),
]
