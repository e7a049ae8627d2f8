"""Guards of the pages: whose orders, which cookie, when to ask again, and who may change what."""

from tests.mutants.mutant import mutant

SHOPPER = "storefront/shopper.py"
CART = "storefront/cart.py"
VIEWS = "checkout/views.py"
MY_ORDERS = "checkout/my_orders.py"
PAGES, SECURITY = "storefront/pages.py", "storefront/security.py"
ADMIN = "checkout/admin.py"
ENVIRONMENT = "storefront/environment.py"
SETTINGS = "storefront/settings.py"
PANEL = "checkout/test_my_orders"
CARTS = "storefront/test_cart"
PRODUCTS = "storefront/test_product_pages"
FRONT = "storefront/views.py"
START = "storefront/test_environment"
DESK = "checkout/test_admin"
FOR_NOBODY = "(self, request: HttpRequest, obj: Model | None = None) -> bool:\n        return False"
FOR_ALL = FOR_NOBODY.replace("False", "True")

WHO = [
    mutant(
        "the cookie is not signed",
        (
            SHOPPER,
            "request.get_signed_cookie(settings.SHOPPER_COOKIE_NAME, salt=SALT)",
            'request.COOKIES[settings.SHOPPER_COOKIE_NAME].split(":")[0]',
        ),
        at=PANEL,
    ),
    mutant(
        "the cookie can be read by scripts", (SHOPPER, "httponly=True", "httponly=False"), at=CARTS
    ),
    mutant(
        "the cookie travels without https",
        (SHOPPER, "        secure=settings.SESSION_COOKIE_SECURE,\n", ""),
        at=CARTS,
    ),
    mutant("the cookie comes along from other sites", (SHOPPER, '"Lax"', '"None"'), at=CARTS),
    mutant(
        "an order page is for everybody",
        (VIEWS, "Order.objects.of(shopper_of(request))", "Order.objects.all()"),
        at=PANEL,
    ),
    mutant(
        "My Orders are everybody's",
        (MY_ORDERS, "orders = Order.objects.of(shopper).filter(", "orders = Order.objects.filter("),
        at=PANEL,
    ),
    mutant(
        "who returns to an order sees it, whoever's it is",
        (
            MY_ORDERS,
            "return MyOrders([], watch)",
            "return MyOrders(list(Order.objects.filter(pk=watch.order)), watch)",
        ),
        at=PANEL,
    ),
    mutant(
        "an unreadable cookie is our fault",
        (SHOPPER, "except (KeyError, BadSignature, ValueError):", "except (KeyError, ValueError):"),
        at=CARTS,
    ),
    mutant(
        "pages with orders may be stored",
        (SECURITY, '        response.headers.setdefault("Cache-Control", "no-store")\n', ""),
        at=PANEL,
    ),
    mutant(
        "a shared cache may mix up page and fragment",
        (PAGES, "    patch_vary_headers(response, VARY)\n", ""),
        at=PANEL,
    ),
]

WHEN_TO_ASK = [
    mutant(
        "the poll never ends", (MY_ORDERS, "if not self.is_waiting:\n", "if False:\n"), at=PANEL
    ),
    mutant(
        "an unchanged poll is answered in full",
        (VIEWS, "if wants_fragment(request) and panel.is_unchanged:", "if False:"),
        at=PANEL,
    ),
    mutant(
        "a page is answered with 204",
        (VIEWS, "if wants_fragment(request) and panel.is_unchanged:", "if panel.is_unchanged:"),
        at=PANEL,
    ),
    mutant(
        "an unchanged order page is answered in full",
        (
            VIEWS,
            "if wants_fragment(request) and (seen, request.GET",
            "if False and (seen, request.GET",
        ),
        at=PANEL,
    ),
    mutant(
        "an order page is answered with 204",
        (
            VIEWS,
            "if wants_fragment(request) and (seen, request.GET",
            "if (seen, request.GET",
        ),
        at=PANEL,
    ),
    mutant(
        "everything is announced",
        (MY_ORDERS, "if order.reference in self.watch.waiting and not", "if not"),
        at=PANEL,
    ),
    mutant(
        "the cart is renewed while the bank is paying",
        (MY_ORDERS, "in self.watch.waiting and not order.is_waiting", "in self.watch.waiting"),
        at=PANEL,
    ),
    mutant(
        "a refund does not show in an open panel",
        (MY_ORDERS, "order.status, order.refunded_cents, order.disputed_at)", "order.status)"),
        at=PANEL,
    ),
    mutant(
        "the poll never slows down",
        (MY_ORDERS, "return 1 if age < 30 else 5 if age < 300 else 30", "return 1"),
        at=PANEL,
    ),
    mutant(
        "restored history gets a fragment",
        (PAGES, "htmx.boosted or htmx.history_restore_request or", "htmx.boosted or"),
        at=PANEL,
    ),
    mutant(
        "boosted links get a fragment",
        (
            PAGES,
            "htmx.boosted or htmx.history_restore_request or",
            "htmx.history_restore_request or",
        ),
        at=PANEL,
    ),
    mutant(
        "the panel shows more than it has read",
        (MY_ORDERS, '"total_cents", "currency", ', ""),
        at=PANEL,
    ),
    mutant(
        "an odd digit in the address is our fault",
        (MY_ORDERS, "text.isascii() and text.isdigit()", "text.isdigit()"),
        at=PANEL,
    ),
    mutant(
        "a number without end in the address is our fault",
        (MY_ORDERS, " and len(text) < 12", ""),
        at=PANEL,
    ),
    mutant(
        "all orders ever are shown",
        (MY_ORDERS, "MyOrders(orders[:SHOWN], ", "MyOrders(orders, "),
        at=PANEL,
    ),
    mutant(
        "a page beyond all orders is our fault",
        (MY_ORDERS, 'min(max(_number(query.get("page", "")), 1), LAST_PAGE)', 'int(query["page"])'),
        at=PANEL,
    ),
    mutant(
        "older orders can't be reached",
        (MY_ORDERS, "watch.page + 1 if len(orders) > SHOWN else 0", "0"),
        at=PANEL,
    ),
    mutant(
        "an order that was replaced can be paid on",
        (
            "checkout/models.py",
            "status == self.Status.PENDING and self.superseded_at is None",
            "status == self.Status.PENDING",
        ),
        at=PANEL,
    ),
    mutant(
        "a session that has run out can be paid on",
        (
            "checkout/models.py",
            "return is_open and self.can_be_paid_at(timezone.now())",
            "return is_open",
        ),
        at=PANEL,
    ),
    mutant(
        "an order without a session is shown",
        (MY_ORDERS, "superseded_at=None) & ~Q(session_id=None)", "superseded_at=None)"),
        at=PANEL,
    ),
    mutant(
        "coming back from Stripe pays",
        (
            MY_ORDERS,
            "    watch = Watch.read(query, time.time())\n",
            "    watch = Watch.read(query, time.time())\n"
            "    Order.objects.filter(pk=watch.order).update(\n"
            '        status="PAID", paid_at="2026-01-01T00:00Z"\n'
            "    )\n",
        ),
        at="checkout/test_paying_for_an_order",
    ),
]

THE_CART = [
    mutant(
        "what is not on sale is on the shelf",
        ("storefront/models.py", "self.filter(is_on_sale=True)", "self.all()"),
        at="storefront/test_catalogue",
    ),
    mutant(
        "a picture that is not there takes the shop down",
        ("storefront/models.py", "except ValueError:  # not", "except ZeroDivisionError:  # not"),
        at="storefront/test_catalogue",
    ),
    mutant(
        "a picture may be any file",
        (
            "storefront/models.py",
            "if self.picture and not finders.find(self.picture):",
            "if False:",
        ),
        at=DESK,
    ),
    mutant(
        "a withdrawn product alone can be bought",
        (
            CART,
            "return any(line.product.is_on_sale for line in self.lines)",
            "return bool(self.lines)",
        ),
        at=CARTS,
    ),
    mutant(
        "a withdrawn product goes into the cart",
        (CART, "if not product.is_on_sale:", "if False:"),
        at=CARTS,
    ),
    mutant(
        "a withdrawn product counts in the total",
        (CART, " if line.product.is_on_sale)", ")"),
        at=CARTS,
    ),
    mutant("any digits are a number", (CART, '"[0-9]{1,9}", re.ASCII', '"\\d{1,9}"'), at=CARTS),
    mutant("a number may be of any length", (CART, "{1,9}", "+"), at=CARTS),
    mutant(
        "a cart line may hold any number",
        (CART, "if quantity > MAX_QUANTITY:", "if False:"),
        at=CARTS,
    ),
    mutant(
        "a quantity goes below nothing", (CART, "max(0, int(text)", "max(-1, int(text)"), at=CARTS
    ),
    mutant(
        "the quantity that another tab sets is ignored",
        (CART, "        update_conflicts=True,\n", "        ignore_conflicts=True,\n"),
        (
            CART,
            '        unique_fields=["shopper", "product"],\n'
            '        update_fields=["quantity", "changed_at"],\n',
            "",
        ),
        at=CARTS,
    ),
    mutant(
        "0 empties everybody's line",
        (
            CART,
            "line = CartLine.objects.filter(shopper=shopper, product=product)",
            "line = CartLine.objects.filter(product=product)",
        ),
        at=CARTS,
    ),
    mutant(
        "a cart is everybody's",
        ("storefront/models.py", "self.filter(shopper=shopper)\n", "self.all()\n"),
        at=CARTS,
    ),
    mutant(
        "the cart is changed by a GET", ("storefront/views.py", "@require_POST\n", ""), at=CARTS
    ),
]

THE_DESK = [
    mutant(
        "the desk changes a payment's state",
        (
            ADMIN,
            f"has_change_permission{FOR_NOBODY}",
            f"has_change_permission{FOR_ALL}",
        ),
        at=DESK,
    ),
    mutant(
        "the desk removes orders",
        (
            ADMIN,
            f"has_delete_permission{FOR_NOBODY}",
            f"has_delete_permission{FOR_ALL}",
        ),
        at=DESK,
    ),
    mutant(
        "the desk makes orders",
        (
            ADMIN,
            f"has_add_permission{FOR_NOBODY}",
            f"has_add_permission{FOR_ALL}",
        ),
        at=DESK,
    ),
    mutant(
        "a price in steps that Stripe does not take",
        (
            "storefront/models.py",
            "if self.price_cents is not None and self.price_cents % step:",
            "if False:",
        ),
        at=DESK,
    ),
]

THE_START = [
    mutant(
        "DEBUG is on unless said",
        (SETTINGS, 'DEBUG = env.flag("DEBUG")', 'DEBUG = env.flag("DEBUG", default=True)'),
        at=START,
    ),
    mutant(
        "a shop starts with no secret of its own",
        (SETTINGS, "if not SECRET_KEY:", "if False:"),
        at=START,
    ),
    mutant(
        "one key of the two is enough",
        (ENVIRONMENT, "if bool(publishable) != bool(key):", "if False:"),
        at=START,
    ),
    mutant(
        "test and live keys may be mixed",
        (
            ENVIRONMENT,
            "if key.startswith(LIVE_KEYS) != publishable.startswith(LIVE_KEYS):",
            "if False:",
        ),
        at=START,
    ),
    mutant(
        "live payments may go to a stand-in",
        (ENVIRONMENT, "if base and secret_key and secret_key.startswith(LIVE_KEYS):", "if False:"),
        at=START,
    ),
    mutant(
        "a publishable key passes for a secret one",
        (ENVIRONMENT, "if key and not key.startswith(SECRET_KEYS):", "if False:"),
        at=START,
    ),
    mutant(
        "anything is a webhook secret",
        (
            ENVIRONMENT,
            'if not all(value.startswith("whsec_") for value in secrets):',
            "if False:",
        ),
        at=START,
    ),
    mutant(
        "SQLite's transactions begin as readers",
        (ENVIRONMENT, '"transaction_mode": "IMMEDIATE"', '"transaction_mode": "DEFERRED"'),
        at=START,
    ),
    mutant(
        "the demo marks paid without the event",
        (
            "checkout/ordering.py",
            "        demo.pay(order)\n",
            "        Order.objects.filter(pk=order.pk).update(status='PAID', paid_at=now)\n",
        ),
        at="checkout/test_demo",
    ),
    mutant(
        "the worker of a demo shop asks Stripe",
        (
            "checkout/management/commands/reconcile_orders.py",
            "if settings.STRIPE_DEMO_MODE:",
            "if False:",
        ),
        at="checkout/test_reconciling",
    ),
]

THE_PAGES = [
    mutant(
        "a page that renews itself gets a fragment",
        (PAGES, ' or htmx.target == "main"', ""),
        at=PRODUCTS,
    ),
    mutant(
        "what is not sold has a page",
        (
            FRONT,
            "lambda slug: Product.objects.on_sale()",
            "lambda slug: Product.objects",
        ),
        at=PRODUCTS,
    ),
    mutant(
        "two products share an address",
        ("storefront/models.py", "if slug not in taken", "if slug"),
        at=PRODUCTS,
    ),
    mutant(
        "products made at once have no address",
        ("storefront/models.py", "product.slug or product.free_slug(taken)", "product.slug"),
        at=PRODUCTS,
    ),
    mutant(
        "a new price goes unnoticed",
        (CART, "price_cents_then=product.price_cents,", ""),
        at=CARTS,
    ),
    mutant(
        "a new price is forgotten at the next change",
        (CART, 'update_fields=["quantity",', 'update_fields=["price_cents_then", "quantity",'),
        at=CARTS,
    ),
    mutant(
        "Undo believes any quantity",
        (CART, "    if not 0 < int(quantity) <= MAX_QUANTITY:\n        return None\n", ""),
        at=CARTS,
    ),
    mutant(
        "Undo is offered for what is back in the cart",
        (
            FRONT,
            "removed if removed and not cart.quantity_of(removed.product) else None",
            "removed",
        ),
        at=CARTS,
    ),
    mutant(
        "the page of one product gets the field of another",
        (FRONT, "(not is_product_page or shown == product.get_absolute_url())", "True"),
        at=PRODUCTS,
    ),
    mutant(
        "any words are a colour",
        (ENVIRONMENT, "if value and not COLOUR.fullmatch(value):", "if False:"),
        at=START,
    ),
    mutant(
        "a link may be a script",
        (ENVIRONMENT, "address.startswith(LINKS)", "address"),
        at=START,
    ),
    mutant(
        "the logo may be any file",
        (ENVIRONMENT, 'if ".." in value or value.startswith("/") or not', "if not"),
        at=START,
    ),
]

MUTANTS = [*WHO, *WHEN_TO_ASK, *THE_CART, *THE_DESK, *THE_START, *THE_PAGES]
