"""Guards of what deletes what nobody needs any more."""

from tests.mutants.mutant import mutant

FORGETTING = "checkout/forgetting.py"
MODELS = "checkout/models.py"
CART = "storefront/cart.py"
COMMAND = "checkout/management/commands/reconcile_orders.py"
DESK = "checkout/test_forgetting"
SAME_MOMENT = "checkout/test_the_same_moment"

CARTS = [
    mutant(
        "a cart that is changed grows old all the same",
        (CART, 'update_fields=["quantity", "changed_at"]', 'update_fields=["quantity"]'),
        at=DESK,
    ),
    mutant(
        "a cart that is changed at that moment is forgotten",
        (
            FORGETTING,
            "rows.order_by().filter(pk__in=keys).delete()",
            "rows.model._default_manager.filter(pk__in=keys).delete()",
        ),
        at=SAME_MOMENT,
    ),
]

ORDERS = [
    mutant(
        "an order that is paid at that moment is forgotten",
        (FORGETTING, ".select_for_update(skip_locked=True)", ""),
        at=SAME_MOMENT,
        postgresql=True,
    ),
    mutant(
        "orders that wait for the bank are forgotten",
        (
            MODELS,
            "status__in=(Order.Status.PENDING, Order.Status.FAILED, Order.Status.EXPIRED)",
            'status__in=("PENDING", "PROCESSING", "FAILED", "EXPIRED")',
        ),
        (MODELS, "is_settled | is_unknown_to_stripe,", "Q(pk__isnull=False),"),
        at=DESK,
    ),
    mutant(
        "orders are forgotten although Stripe was not asked",
        (MODELS, "            is_settled | is_unknown_to_stripe,\n", ""),
        at=DESK,
    ),
    mutant(
        "orders of which something was heard are forgotten",
        (MODELS, "            ~Exists(heard),\n", ""),
        at=DESK,
    ),
    mutant(
        "orders that hold stock are forgotten",
        (MODELS, "            ~Exists(held),\n", ""),
        at=DESK,
    ),
    mutant(
        "young orders are forgotten",
        (MODELS, "            created_at__lt=before,\n            attempt_at__lt=before,\n", ""),
        (MODELS, "Q(session_expires_at=None) | Q(session_expires_at__lt=before),", ""),
        at=DESK,
    ),
]

EVENTS = [
    mutant(
        "events of orders that stay are forgotten",
        (MODELS, "filter(is_done, order=None, parked__", "filter(is_done, parked__"),
        at=DESK,
    ),
    mutant(
        "news that waits for its payment is forgotten",
        (MODELS, "order=None, parked__isnull=True, received", "order=None, received"),
        at=DESK,
    ),
    mutant(
        "events of orders that are not here are forgotten",
        (MODELS, "return rows.exclude(outcome__in=loud)", "return rows"),
        at=DESK,
    ),
    mutant(
        "events with something left to do are forgotten",
        (MODELS, "self.filter(is_done, order=None", "self.filter(order=None"),
        at=DESK,
    ),
]

WORKER = [
    mutant(
        "the worker forgets at every round",
        (COMMAND, "            self._forgotten_at = now\n", "            pass\n"),
        at=DESK,
    ),
    mutant(
        "the worker forgets nothing",
        (COMMAND, "            self._forget_once_a_day()\n", ""),
        at=DESK,
    ),
]

MUTANTS = [*CARTS, *ORDERS, *EVENTS, *WORKER]
