"""Guards of Buy: what may be ordered, and that it is asked of Stripe once."""

from tests.mutants.mutant import mutant

ORDERING = "checkout/ordering.py"
GATEWAY = "checkout/gateway.py"
VIEWS = "checkout/views.py"
BUY = "@require_POST\ndef create_checkout_session"
BUYING = "checkout/test_buying"

WHAT_MAY_BE_ORDERED = [
    mutant(
        "nothing at all can be ordered",
        (ORDERING, "    if not wanted:\n", "    if False:\n"),
        at=BUYING,
    ),
    mutant(
        "a withdrawn product is sold",
        (ORDERING, "if not wish.product.is_on_sale:", "if False:"),
        at=BUYING,
    ),
    mutant(
        "a cart of more than a hundred products goes to Stripe",
        (ORDERING, "if len(wanted) > MAX_LINES:", "if False:"),
        at=BUYING,
    ),
    mutant(
        "a total above Stripe's limit goes to Stripe",
        (ORDERING, "if total_cents > money.MAX_CHARGE_CENTS:", "if False:"),
        at=BUYING,
    ),
    mutant(
        "a total that the shopper has not seen is charged",
        (VIEWS, "if shown != str(cart.total_cents) and", "if False and"),
        at=BUYING,
    ),
    mutant(
        "the total of the form is trusted",
        (
            VIEWS,
            "        wanted = [Wanted(line.product, line.quantity) for line in cart.lines]\n",
            "        wanted = [Wanted(line.product, line.quantity) for line in cart.lines]\n"
            "        for wish in wanted:\n"
            "            wish.product.price_cents = int(shown) // wish.quantity\n",
        ),
        (VIEWS, "if shown != str(cart.total_cents) and", "if False and"),
        at=BUYING,
    ),
    mutant(
        "a price in the JSON is trusted",
        (
            VIEWS,
            "    products = Product.objects.in_bulk(quantities)\n",
            "    products = Product.objects.in_bulk(quantities)\n"
            "    for item in _items(request):\n"
            '        if item["product_id"] in products and "price_cents" in item:\n'
            '            products[item["product_id"]].price_cents = item["price_cents"]\n',
        ),
        at=BUYING,
    ),
    mutant(
        "True is a quantity",
        (VIEWS, "if type(quantity) is not int or", "if not isinstance(quantity, int) or"),
        at=BUYING,
    ),
    mutant(
        "True is a product",
        (
            VIEWS,
            "if type(product_id) is not int or",
            "if not isinstance(product_id, int) or",
        ),
        at=BUYING,
    ),
    mutant(
        "a product's number may be of any length",
        (VIEWS, "not 0 < product_id < 2**63", "False"),
        at=BUYING,
    ),
    mutant(
        "a quantity in the JSON may be anything above nothing",
        (VIEWS, "not 1 <= quantity <= MAX_QUANTITY", "not 1 <= quantity"),
        (
            VIEWS,
            "if any(quantity > MAX_QUANTITY for quantity in quantities.values()):",
            "if False:",
        ),
        at=BUYING,
    ),
    mutant(
        "a quantity in the JSON may be nothing or less",
        (VIEWS, "not 1 <= quantity <= MAX_QUANTITY", "quantity > MAX_QUANTITY"),
        at=BUYING,
    ),
    mutant(
        "a product named twice may exceed the most",
        (
            VIEWS,
            "if any(quantity > MAX_QUANTITY for quantity in quantities.values()):",
            "if False:",
        ),
        at=BUYING,
    ),
    mutant(
        "a product named twice is bought once",
        (VIEWS, "quantities.get(product_id, 0) + quantity", "quantity"),
        at=BUYING,
    ),
    mutant(
        "more than a hundred lines of JSON are read",
        (VIEWS, "if len(items) > MAX_LINES:", "if False:"),
        at=BUYING,
    ),
    mutant(
        "an unknown product is our fault",
        (VIEWS, "if unknown := quantities.keys() - products.keys():", "if unknown := set():"),
        at=BUYING,
    ),
    mutant(
        "JSON that can't be read is our fault",
        (VIEWS, "except (ValueError, RecursionError):", "except RecursionError:"),
        at=BUYING,
    ),
    mutant(
        "JSON a hundred thousand levels deep is our fault as well",
        (VIEWS, "except (ValueError, RecursionError):", "except ValueError:"),
        at=BUYING,
    ),
    mutant(
        "Buy needs no token",
        (
            VIEWS,
            BUY,
            f"from django.views.decorators.csrf import csrf_exempt\n\n@csrf_exempt\n{BUY}",
        ),
        at=BUYING,
    ),
    mutant("Buy may be a GET", (VIEWS, BUY, BUY.removeprefix("@require_POST\n")), at=BUYING),
    mutant(
        "a lost price change hides in an open order",
        (ORDERING, "wish.product.name, wish.product.price_cents)", "wish.product.name)"),
        at=BUYING,
    ),
    mutant(
        "another quantity passes for the same wish",
        (ORDERING, "(wish.product.pk, wish.quantity, wish", "(wish.product.pk, wish"),
        at=BUYING,
    ),
]

ONE_CHECKOUT = [
    mutant(
        "the earlier session stays open",
        (ORDERING, "    _close_other_sessions(shopper, _fingerprint(wanted), now)\n", ""),
        at=BUYING,
    ),
    mutant(
        "an earlier payment is ignored",
        (GATEWAY, "return _is_expired(session_id)", "return True"),
        at=BUYING,
    ),
    mutant(
        "a session that Stripe does not know stops every Buy",
        (GATEWAY, "return True  # Stripe doesn't", "return False  # Stripe doesn't"),
        at=BUYING,
    ),
    mutant(
        "Stripe down leaves the earlier session open",
        (
            GATEWAY,
            "raise _failure(error) from error\n    return True\n",
            "pass\n    return True\n",
        ),
        at=BUYING,
    ),
    mutant(
        "the order that another replaced is still offered",
        (ORDERING, "            )\n        order.supersede(now)\n", "            )\n"),
        at=BUYING,
    ),
    mutant(
        "an order whose session has run out is kept for ever",
        (
            ORDERING,
            "is_over = bool(order.session_expires_at) and not order.can_be_paid_at(now)",
            "is_over = False",
        ),
        at=BUYING,
    ),
    mutant(
        "what the bank is paying for is sold once more",
        (ORDERING, "    _refuse_what_the_bank_is_paying(shopper, _fingerprint(wanted))\n", ""),
        at=BUYING,
    ),
    mutant(
        "Stripe is asked again for a session that is there",
        (ORDERING, "    if order.can_be_paid_at(now) and not", "    if not"),
        at=BUYING,
    ),
    mutant(
        "an order whose time is over is paid twice",
        (
            ORDERING,
            "if order.session_id and not _is_closed",
            "if order.can_be_paid_at(now) and not _is_closed",
        ),
        at=BUYING,
    ),
    mutant(
        "a session that could not be closed counts as closed",
        (GATEWAY, '.status == "expired"', '.status != "complete"'),
        at=BUYING,
    ),
    mutant(
        "the demo asks Stripe about what it has left open",
        (ORDERING, "return settings.STRIPE_DEMO_MODE or gateway.close", "return gateway.close"),
        at="checkout/test_demo",
    ),
    mutant(
        "the session of another account is offered",
        (ORDERING, "repr((account, settings.CURRENCY", "repr((settings.CURRENCY"),
        at="checkout/test_demo",
    ),
    mutant(
        "an order of the demo that was interrupted is never paid",
        (
            ORDERING,
            "if order.can_be_paid_at(now) and not settings.STRIPE_DEMO_MODE:",
            "if order.can_be_paid_at(now):",
        ),
        at="checkout/test_demo",
    ),
    mutant(
        "too little is told as the shop's fault",
        (GATEWAY, '    if error.code == "amount_too_small":\n        kind = TooLittle\n', ""),
        at=BUYING,
    ),
    mutant(
        "a question that has changed since is told as the shop's fault",
        (GATEWAY, "if isinstance(error, stripe.IdempotencyError):", "if False:"),
        at=BUYING,
    ),
    mutant(
        "why Stripe refused is kept from the log",
        (GATEWAY, "for word in (*trouble, error.request_id) if", "for word in trouble[:2] if"),
        at=BUYING,
    ),
    mutant(
        "two clicks, and the second gets an error",
        (ORDERING, "        if same:\n            return same\n", ""),
        at=BUYING,
    ),
    mutant(
        "two clicks around a payment, and the second gets an error",
        (ORDERING, "        if same:\n            return same\n", "        return same\n"),
        at="checkout/test_the_same_moment",
    ),
]

WHAT_STRIPE_IS_TOLD = [
    mutant(
        "the idempotency key is the same for all",
        (GATEWAY, 'key = f"order-{order.pk}-{order.attempt}"', 'key = "order"'),
        at=BUYING,
    ),
    mutant(
        "the idempotency key knows no attempt",
        (GATEWAY, 'key = f"order-{order.pk}-{order.attempt}"', 'key = f"order-{order.pk}"'),
        at=BUYING,
    ),
    mutant(
        "the idempotency key is new at every call",
        (
            GATEWAY,
            'key = f"order-{order.pk}-{order.attempt}"',
            'key = f"order-{__import__("uuid").uuid4()}"',
        ),
        at=BUYING,
    ),
    mutant(
        "Stripe is not told the order in client_reference_id",
        (GATEWAY, '        "client_reference_id": str(order.pk),\n', ""),
        at=BUYING,
    ),
    mutant(
        "Stripe is not told the order in the metadata",
        (GATEWAY, '        "metadata": reference,\n', ""),
        at=BUYING,
    ),
    mutant(
        "Stripe is not told the order in the payment's metadata",
        (GATEWAY, '        "payment_intent_data": {"metadata": reference},\n', ""),
        at=BUYING,
    ),
    mutant(
        "a session's end is counted from the call, not from the attempt",
        (ORDERING, "until = order.attempt_at + ATTEMPT_LIFETIME", "until = now + ATTEMPT_LIFETIME"),
        at=BUYING,
    ),
    mutant(
        "an attempt of long ago is continued",
        (ORDERING, "if order.attempt_at < now - ATTEMPT_LIFETIME:", "if False:"),
        at=BUYING,
    ),
    mutant(
        "after a 5xx the old key is asked again",
        (ORDERING, "if failure.is_answered:", "if False:"),
        at=BUYING,
    ),
    mutant(
        "after no answer a new key is asked",
        (ORDERING, "if failure.is_answered:", "if True:"),
        at=BUYING,
    ),
    mutant(
        "Stripe in trouble is a refusal",
        (GATEWAY, "if is_passing or status >= 500 else", "if is_passing else"),
        at=BUYING,
    ),
    mutant(
        "Stripe asked too often is a refusal",
        (GATEWAY, "status in (0, 409, 429)", "status in (0, 409)"),
        at=BUYING,
    ),
    mutant(
        "a broken connection is not tried again",
        (GATEWAY, "READ_SECONDS, RETRIES = 3, 10, 2", "READ_SECONDS, RETRIES = 3, 10, 0"),
        at=BUYING,
    ),
    mutant(
        "Stripe may take its time",
        (
            GATEWAY,
            "        http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),\n",
            "",
        ),
        at=BUYING,
    ),
    mutant(
        "STRIPE_API_BASE is ignored",
        (GATEWAY, '{"api": api_base} if api_base else {}', '{"api": "http://127.0.0.1:9"}'),
        at=BUYING,
    ),
]

MUTANTS = [*WHAT_MAY_BE_ORDERED, *ONE_CHECKOUT, *WHAT_STRIPE_IS_TOLD]
