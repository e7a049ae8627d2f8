"""What the database refuses, and what an order does to the cart."""

from tests.mutants.mutant import mutant, without_constraint

MODELS = "checkout/models.py"
INITIAL = "checkout/migrations/0001_initial.py"
SHELF = "storefront/models.py"
BUYING = "checkout/test_buying"
PAYING = "checkout/test_paying_for_an_order"
ROWS = "checkout/test_impossible_rows"
SAME_MOMENT = "checkout/test_the_same_moment"

IMPOSSIBLE_ROWS = [
    without_constraint("checkout", "one_open_order_per_shopper_and_content", at=BUYING),
    without_constraint("checkout", "paid_orders_have_a_date", at=ROWS),
    without_constraint("checkout", "an_item_is_bought_at_least_once", at=ROWS),
    without_constraint("checkout", "a_follow_up_happens_once_for_an_order", at=ROWS),
    without_constraint("storefront", "an_order_holds_a_product_once", at=ROWS),
    without_constraint("storefront", "a_product_has_one_line_in_a_cart", at="storefront/test_cart"),
    without_constraint("storefront", "a_cart_line_holds_1_to_999", at=ROWS),
    mutant(
        "two orders may have one session",
        (
            MODELS,
            "session_id = models.CharField(max_length=255, unique=True,",
            "session_id = models.CharField(max_length=255,",
        ),
        (INITIAL, "max_length=255, null=True, unique=True)", "max_length=255, null=True)"),
        at=ROWS,
    ),
    mutant(
        "an event may be recorded twice",
        (
            MODELS,
            "event_id = models.CharField(max_length=255, unique=True)",
            "event_id = models.CharField(max_length=255)",
        ),
        (
            INITIAL,
            '("event_id", models.CharField(max_length=255, unique=True))',
            '("event_id", models.CharField(max_length=255))',
        ),
        at=PAYING,
    ),
    mutant(
        "a refund may be recorded twice",
        (
            MODELS,
            "refund_id = models.CharField(max_length=255, unique=True)",
            "refund_id = models.CharField(max_length=255)",
        ),
        (
            INITIAL,
            '("refund_id", models.CharField(max_length=255, unique=True))',
            '("refund_id", models.CharField(max_length=255))',
        ),
        at=ROWS,
    ),
]

THE_CART = [
    mutant(
        "the cart is emptied wholly, whatever was added since",
        (MODELS, "AND quantity <= (", "AND 0 < ("),
        at=BUYING,
    ),
    mutant(
        "what was bought stays in the cart if more was added",
        (MODELS, "if gone < lines_in_cart:", "if False:"),
        at=BUYING,
    ),
    mutant(
        "what was bought stays in the cart",
        ("checkout/payments.py", "    order.take_out_of_cart(order.lines_in_cart)\n", ""),
        at=BUYING,
    ),
    mutant(
        "a payment empties strangers' carts too",
        (MODELS, "WHERE shopper = %s AND", "WHERE %s <> '' AND"),
        at=BUYING,
    ),
    mutant(
        "a payment takes from strangers' carts what the buyer bought",
        (
            MODELS,
            "                shopper=self.shopper,\n                product__in",
            "                product__in",
        ),
        at=BUYING,
    ),
    mutant(
        "a line lowered while its order is paid stops the payment",
        (MODELS, "                quantity__gt=Subquery(bought),\n", ""),
        at="checkout/test_the_same_moment",
    ),
    mutant(
        "the cart is emptied at Buy",
        (
            "checkout/ordering.py",
            "    _open_checkout(order, site, now)\n    return order",
            "    _open_checkout(order, site, now)\n    order.take_out_of_cart(9)\n    return order",
        ),
        at=BUYING,
    ),
]

SESSIONS = [
    mutant(
        "a session that came later overwrites the stored one",
        (
            MODELS,
            "Q(session_id=None) | Q(session_id=session_id), pk=self.pk, superseded_at=None",
            "pk=self.pk, superseded_at=None",
        ),
        at=SAME_MOMENT,
    ),
    mutant(
        "an order whose place another one took gets a session",
        (MODELS, "pk=self.pk, superseded_at=None\n", "pk=self.pk\n"),
        at=SAME_MOMENT,
    ),
    mutant(
        "two callers count as two attempts",
        (MODELS, "pk=self.pk, attempt=self.attempt, session_id=None", "pk=self.pk"),
        at=SAME_MOMENT,
    ),
    mutant(
        "a session that has run out is offered again",
        (
            MODELS,
            "self.session_expires_at and self.session_expires_at > now",
            "self.session_expires_at",
        ),
        at=BUYING,
    ),
    mutant(
        "an order that was replaced still counts as open",
        (
            MODELS,
            "self.filter(status=Order.Status.PENDING, superseded_at=None)",
            "self.filter(status=Order.Status.PENDING)",
        ),
        at=BUYING,
    ),
    mutant(
        "a settled order still counts as open",
        (
            MODELS,
            "self.filter(status=Order.Status.PENDING, superseded_at=None)",
            "self.filter(superseded_at=None)",
        ),
        at=BUYING,
    ),
    mutant(
        "an order is not superseded by the next one",
        (MODELS, "superseded_at=None).update(superseded_at=now)", "superseded_at=None)"),
        at=BUYING,
    ),
]

MUTANTS = [*IMPOSSIBLE_ROWS, *THE_CART, *SESSIONS]
