"""Guards around money that goes back: refunds, refunds that fail, disputes."""

from tests.mutants.mutant import mutant

REFUNDS = "checkout/refunds.py"
PAYMENTS = "checkout/payments.py"
MONEY_BACK = "checkout/test_refunds_and_disputes"
SAME_MOMENT = "checkout/test_the_same_moment"

MUTANTS = [
    mutant(
        "refunds are added up instead of read as a running total",
        (
            REFUNDS,
            "order.charge_refunded_cents = at, total\n",
            "order.charge_refunded_cents = at, known[1] + total\n",
        ),
        at=MONEY_BACK,
    ),
    mutant(
        "an older running total wins",
        (REFUNDS, "if total is None or (at, total) < known:", "if total is None:"),
        at=MONEY_BACK,
    ),
    mutant(
        "a failed refund is not undone",
        (REFUNDS, 'if refund.get("status") in ("failed", "canceled"):', "if False:"),
        at=MONEY_BACK,
    ),
    mutant(
        "a canceled refund is not undone",
        (REFUNDS, '("failed", "canceled")', '("failed",)'),
        at=MONEY_BACK,
    ),
    mutant(
        "a failure told again counts as a newer one",
        (REFUNDS, "filter(pk=row.pk, failed_at=None)", "filter(pk=row.pk)"),
        at=MONEY_BACK,
    ),
    mutant(
        "a failure from before the running total is taken off it",
        (REFUNDS, "if r.failed_at and r.failed_at >= since", "if r.failed_at"),
        at=MONEY_BACK,
    ),
    mutant(
        "a refund is known from the running total alone",
        (
            REFUNDS,
            "return sum(row.amount_cents for row in rows if not row.failed_at)",
            "return 0",
        ),
        at=MONEY_BACK,
    ),
    mutant(
        "a refund told of after the running total is none",
        (REFUNDS, "max(total - failed, min(standing, total)) + later", "max(total - failed, 0)"),
        at=MONEY_BACK,
    ),
    mutant(
        "a refund made after the running total counts as part of it",
        (REFUNDS, "if row.made_at <= since]", "]"),
        at=MONEY_BACK,
    ),
    mutant(
        "refunds told one by one may exceed the total that is as new",
        (REFUNDS, "max(total - failed, min(standing, total))", "max(total - failed, standing)"),
        at=MONEY_BACK,
    ),
    mutant(
        "more goes back than arrived",
        (REFUNDS, "refunded = min(_refunded(order), received)", "refunded = _refunded(order)"),
        at=MONEY_BACK,
    ),
    mutant(
        "part of the money back is all of it",
        (REFUNDS, "if refunded < received:", "if refunded <= 0:"),
        at=MONEY_BACK,
    ),
    mutant(
        "what is back is measured by the order instead of by what arrived",
        (
            REFUNDS,
            "received = order.received_cents or order.total_cents",
            "received = order.total_cents",
        ),
        at=MONEY_BACK,
    ),
    mutant(
        "a refund of no payment fits every unpaid order",
        (
            REFUNDS,
            "    if not intent:\n"
            "        return Verdict(Outcome.IGNORED, "
            'note="Nothing that a PaymentIntent refers to.")\n',
            "",
        ),
        at=MONEY_BACK,
    ),
    mutant(
        "a refund's currency is not compared",
        (REFUNDS, "if currency is not None and currency != order.currency:", "if False:"),
        at=MONEY_BACK,
    ),
    mutant(
        "news that came before the payment is dropped",
        (REFUNDS, "intent, parked=parked)", "intent)"),
        at=MONEY_BACK,
    ),
    mutant(
        "parked news is not told to the order",
        (PAYMENTS, "    if order.has_parked_news:\n", "    if False:\n"),
        at=MONEY_BACK,
    ),
    mutant(
        "parked news stays parked when it has been told",
        (REFUNDS, "note=verdict.note, parked=None\n", "note=verdict.note\n"),
        at=MONEY_BACK,
    ),
    mutant(
        "parked news is kept as it came",
        (REFUNDS, "{name: _plain(thing.get(name)) for name in KEPT}", "dict(thing)"),
        at=MONEY_BACK,
        postgresql=True,
    ),
    mutant(
        "news of money beside an order is dropped",
        (REFUNDS, "if stray and stray.order:", "if False:"),
        at=MONEY_BACK,
    ),
    mutant(
        "two refunds at the same moment don't wait for each other",
        (REFUNDS, "Order.objects.select_for_update().filter", "Order.objects.filter"),
        at=SAME_MOMENT,
        postgresql=True,
    ),
    mutant(
        "reviewed money given back keeps its goods",
        (
            REFUNDS,
            "if (before, after) == (Order.Status.REVIEW, Order.Status.REFUNDED):",
            "if False:",
        ),
        at="checkout/test_stock",
    ),
    mutant(
        "a dispute is opened again by late news",
        (REFUNDS, "if not dispute_id or is_no_news:", "if not dispute_id:"),
        at=MONEY_BACK,
    ),
    mutant(
        "a lost dispute is not flagged",
        (REFUNDS, "if result in GONE:", "if False:"),
        at=MONEY_BACK,
    ),
    mutant(
        "a dispute that was won stays open",
        (
            REFUNDS,
            'order.disputed_at or at if result in ("", *GONE) else None',
            "order.disputed_at or at",
        ),
        at=MONEY_BACK,
    ),
    mutant(
        "a dispute that was prevented stays open",
        (REFUNDS, '"prevented": 2, ', ""),
        at=MONEY_BACK,
    ),
    mutant(
        "an appeal that was won is passed over",
        (REFUNDS, '"won": 2', '"won": 1'),
        at=MONEY_BACK,
    ),
    mutant(
        "a refund that came before the money beside an order is told to nobody",
        (PAYMENTS, "        refunds.tell_beside(order, intent)\n", "        pass\n"),
        at=MONEY_BACK,
    ),
    mutant(
        "the worker passes over a refund of money beside an order",
        ("checkout/reconciling.py", "refunds.tell_beside(", "print("),
        at=MONEY_BACK,
    ),
]
