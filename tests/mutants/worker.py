"""Guards of the reconciler and of the outbox."""

from tests.mutants.mutant import mutant

RECONCILING = "checkout/reconciling.py"
GATEWAY = "checkout/gateway.py"
OUTBOX = "checkout/outbox.py"
PAYMENTS = "checkout/payments.py"
MODELS = "checkout/models.py"
COMMAND = "checkout/management/commands/reconcile_orders.py"
DESK = "checkout/test_reconciling"
SAME_MOMENT = "checkout/test_the_same_moment"

ASKING_STRIPE = [
    mutant(
        "young orders are asked about",
        (
            RECONCILING,
            "asked_about().filter(created_at__lte=before)",
            "asked_about()",
        ),
        at=DESK,
    ),
    mutant(
        "orders that wait for the bank are not asked about",
        (
            MODELS,
            "filter(status__in=WAITING, session_id__isnull=False)",
            'filter(status="PENDING", session_id__isnull=False)',
        ),
        at=DESK,
    ),
    mutant(
        "undelivered events are not replayed",
        (RECONCILING, "        _replay_undelivered(report, now)\n", "        pass\n"),
        at=DESK,
    ),
    mutant(
        "undelivered events are replayed newest first",
        (RECONCILING, "in reversed(unheard):", "in unheard:"),
        at=DESK,
    ),
    mutant(
        "all undelivered events are held in memory at once",
        (RECONCILING, "deque(maxlen=BATCH)", "deque()"),
        at=DESK,
    ),
    mutant(
        "undelivered events that were replayed hold up the rest",
        (RECONCILING, 'if event["id"] not in heard', ""),
        at=DESK,
    ),
    mutant(
        "only the first page of undelivered events is read",
        (GATEWAY, "while page.has_more:", "while False:"),
        at=DESK,
    ),
    mutant(
        "events that were delivered are replayed too",
        (GATEWAY, '        "delivery_success": False,\n', ""),
        at=DESK,
    ),
    mutant(
        "an open session is taken for a paid one",
        (RECONCILING, 'if session["status"] != "complete":', "if False:"),
        at=DESK,
    ),
    mutant(
        "a failed bank debit waits for ever",
        (RECONCILING, "'async_payment_failed' if has_failed else 'completed'", "'completed'"),
        at=DESK,
    ),
    mutant(
        "one session that Stripe does not know ends the run",
        (GATEWAY, "if error.http_status == 404:", "if False:"),
        at=DESK,
    ),
    mutant(
        "Stripe down ends the worker",
        (
            RECONCILING,
            "except gateway.StripeDown as failure:",
            "except ZeroDivisionError as failure:",
        ),
        at=DESK,
    ),
    mutant(
        "one event that can't be applied keeps the others waiting",
        (RECONCILING, "    except Exception:\n", "    except ZeroDivisionError:\n"),
        at=DESK,
    ),
    mutant(
        "a key that may not read events asks about no order",
        (
            RECONCILING,
            "    with _telling_of_trouble(report):\n        _ask_about",
            "        _ask_about",
        ),
        at=DESK,
    ),
    mutant(
        "one question that is refused ends the round",
        (
            RECONCILING,
            "with _telling_of_refusal(report):\n            session",
            "if 1:\n            session",
        ),
        at=DESK,
    ),
    mutant(
        "an order that Stripe said nothing about counts as asked about",
        (
            RECONCILING,
            "        report.waiting += 1\n",
            "        report.waiting += 1\n"
            "        Order.objects.filter(pk=order.pk).update(asked_at=now)\n",
        ),
        at=DESK,
    ),
    mutant(
        "a key that may not read PaymentIntents learns nothing",
        (GATEWAY, "except stripe.PermissionError:", "except ZeroDivisionError:"),
        at=DESK,
    ),
    mutant(
        "goods of an order that has a session by now are given back",
        (RECONCILING, "if order.lock(is_abandoned):", "if True:"),
        at=DESK,
    ),
    mutant(
        "a restart of the database ends the worker",
        (
            COMMAND,
            "except (InterfaceError, OperationalError, ProgrammingError) as error:",
            "except ZeroDivisionError:",
        ),
        (COMMAND, 'goes on.", error)', 'goes on.", "")'),
        at=DESK,
    ),
    mutant(
        "the same answer makes another event at every run",
        (
            RECONCILING,
            "f\"reconciled_{session['id']}_",
            "f\"reconciled_{__import__('uuid').uuid4()}_{session['id']}_",
        ),
        at=DESK,
    ),
    mutant(
        "news that was parked at the same moment stays parked",
        (RECONCILING, "    _tell_parked()\n", ""),
        at=SAME_MOMENT,
    ),
]

ABANDONED = [
    mutant(
        "goods of orders without a session stay aside",
        (
            RECONCILING,
            "Q(session_id=None) | Q(superseded_at__isnull=False)",
            "Q(superseded_at__isnull=False)",
        ),
        at=DESK,
    ),
    mutant(
        "goods of replaced orders stay aside",
        (RECONCILING, "Q(session_id=None) | Q(superseded_at__isnull=False)", "Q(session_id=None)"),
        at=DESK,
    ),
    mutant(
        "goods of orders that outlived their session stay aside",
        (RECONCILING, "_at__isnull=False) | is_over,", "_at__isnull=False),"),
        at=DESK,
    ),
    mutant(
        "goods of an order that is being placed are given back",
        (RECONCILING, "        attempt_at__lte=before,\n", ""),
        at=DESK,
    ),
    mutant(
        "goods that wait for the bank are given back",
        (RECONCILING, "        status=Order.Status.PENDING,\n", ""),
        at=DESK,
    ),
    mutant(
        "goods of every waiting order are given back",
        (
            RECONCILING,
            "Q(session_id=None) | Q(superseded_at__isnull=False) | is_over",
            "Q(pk__isnull=False) | is_over",
        ),
        at=DESK,
    ),
]

FOLLOW_UPS = [
    mutant(
        "a follow-up is done without the claim",
        (
            OUTBOX,
            "if not event.order or not row.due(now).update(follow_up_claimed_at=now):",
            "if not event.order:",
        ),
        at=SAME_MOMENT,
    ),
    mutant(
        "a claimed follow-up is due",
        (MODELS, "            follow_up_claimed_at=None,\n", ""),
        at=DESK,
    ),
    mutant(
        "a follow-up that is done is due",
        (
            MODELS,
            "            follow_up_done_at=None,\n            follow_up_claimed_at=None,\n",
            "",
        ),
        at=DESK,
    ),
    mutant(
        "a follow-up counts as done before it is",
        (
            OUTBOX,
            "update(follow_up_claimed_at=now):",
            "update(follow_up_claimed_at=now, follow_up_done_at=now):",
        ),
        at=DESK,
    ),
    mutant(
        "a follow-up that fails ends the run",
        (OUTBOX, "    except Exception:\n", "    except ZeroDivisionError:\n"),
        at=DESK,
    ),
    mutant(
        "a follow-up that fails is tried again at once",
        (OUTBOX, "            follow_up_after=now + wait,\n", ""),
        at=DESK,
    ),
    mutant(
        "a follow-up that fails is never tried again",
        (OUTBOX, "            follow_up_claimed_at=None,\n", ""),
        at=DESK,
    ),
    mutant(
        "a follow-up begun by who died is not told",
        (
            OUTBOX,
            "filter(follow_up_claimed_at__lt=now - timedelta(minutes=15)).count()",
            "none().count()",
        ),
        at=DESK,
    ),
    mutant(
        "a payment has no follow-up",
        (PAYMENTS, '"", intent, follow_up=FollowUp.ORDER_PAID)', '"", intent)'),
        at=DESK,
    ),
    mutant(
        "a follow-up is written without the move",
        (
            PAYMENTS,
            'Verdict(Outcome.NO_CHANGE, order, "", intent)',
            'Verdict(Outcome.NO_CHANGE, order, "", intent, follow_up=FollowUp.ORDER_PAID)',
        ),
        at="checkout/test_paying_for_an_order",
    ),
]

MUTANTS = [*ASKING_STRIPE, *ABANDONED, *FOLLOW_UPS]
