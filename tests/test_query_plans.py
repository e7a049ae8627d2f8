"""Each query that a shopper, Stripe, the worker or the merchant causes is answered by an index.

What a full scan costs shows only when a shop has grown; the planner says it before.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache, partial
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from pytest_django import DjangoDbBlocker, Settings

from checkout import purging
from checkout.comparing import LOOKS_BACK, compare
from checkout.models import Message, Order, OrderItem, StripeEvent
from merchant.finding import found
from merchant.models import RefundRequest
from merchant.orders import TABS
from storefront.models import CartLine, Category, Product
from storefront.shelf import _of_large
from tests.cast import Shopper, deliver, event_about, picture_of, rate
from tools.growth.fill import fill
from tools.stripe_stand_in import StandIn

BY_EMAIL, BY_NAME = {"orders_by_email"}, {"orders_by_name", "orders_by_last_name"}
SEARCHES: dict[str, set[str]] = {
    "ada@": BY_EMAIL,
    "@example.com": {"orders_by_domain"},
    "example.com": BY_EMAIL | BY_NAME | {"orders_by_domain"},
    "Müller": BY_EMAIL | BY_NAME,
    "zoë müller": BY_NAME,
    "A-8010": BY_EMAIL | BY_NAME | {"orders_by_postcode"},
    "#k7m2": BY_EMAIL | BY_NAME | {"orders_by_postcode"},
    "re_1x": {"orders_in_dispute"},
}
GROWING = (
    "checkout_order",
    "checkout_orderitem",
    "checkout_stripeevent",
    "checkout_message",
    "checkout_refund",
    "storefront_cartline",
    "merchant_parcel",
    "django_admin_log",
    "merchant_refundrequest",
)
# They read no table that grows.
QUIET = {"brand", "logo", "robots", "sitemap", "sitemap-part"}

Query = tuple[str, Any]


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        fill(orders=2_000, shoppers=500, waiting=200, carts=300)
    yield
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def shop(crowd: None, stripe: StandIn, db: None) -> None:
    """A shop that has grown."""


@pytest.fixture
def mouse(shop: None) -> Product:
    return Product.objects.earliest("id")


@contextmanager
def queries() -> Iterator[list[Query]]:
    seen: list[Query] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def scans(query: Query, broad: Iterable[str] = ()) -> list[str]:
    """Return the growing tables of which the query reads all rows, or all of one product.

    `broad` names more indexes that lead to too many rows for what is asked.
    A query for the newest rows, whatever they are, may read from that end until it has enough;
    so may one for those in a state or of these ids: PostgreSQL knows how many of all they are.
    """
    sql, params = query
    knows = connection.vendor == "postgresql" and bool(params)
    knows &= all(isinstance(it, UUID) or it in Order.Status.values for it in params or ())
    if " LIMIT " in sql and (" WHERE " not in sql or knows):
        return []
    plan = _on_sqlite if connection.vendor == "sqlite" else _on_postgresql
    found, used = plan(sql, params)
    of_products = indexes_of_products()
    return [
        *found,
        *[of_products[name] for name in used if name in of_products],
        *[name for name in used if name in broad],
    ]


def _on_sqlite(sql: str, params: Any) -> tuple[list[str], list[str]]:
    """The tables that are read from end to end, and the indexes that are used."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        steps = [row[3] for row in cursor.fetchall()]
    aliases = dict(re.findall(r'"(\w+)" (U\d+)\b', sql))
    named = {alias: table for table, alias in aliases.items()}
    is_some = re.compile(rf"USING (COVERING )?INDEX ({'|'.join(partial_indexes())})\b")
    found = [s.split()[1] for s in steps if s.startswith("SCAN ") and not is_some.search(s)]
    tables = [table for name in found if (table := named.get(name, name)) in GROWING]
    return tables, re.findall(r"INDEX (\w+)", "\n".join(steps))


def _on_postgresql(sql: str, params: Any) -> tuple[list[str], list[str]]:
    nodes = _plan_of_postgresql(sql, params)
    tables = [node["Relation Name"] for node in nodes if _is_scan(node)]
    return tables, [node["Index Name"] for node in nodes if "Index Name" in node]


def _plan_of_postgresql(sql: str, params: Any) -> list[dict[str, Any]]:
    """With scans forbidden, the planner takes one only where no index can answer.

    It counts rows, and hardly pages: these tables have so few that reading all could be cheapest.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL cpu_tuple_cost = 0.1")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        plan = cursor.fetchone()[0]
        cursor.execute("RESET enable_seqscan; RESET cpu_tuple_cost")
    return list(_nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def is_sought(query: Query) -> bool:
    """Whether no index is read from end to end, but for one of very few rows."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {query[0]}", query[1])
            scanned = [row[3] for row in cursor.fetchall() if row[3].startswith("SCAN ")]
        else:
            scanned = [str(node) for node in _plan_of_postgresql(*query) if _is_read_whole(node)]
    few = ("orders_of_other_letters", "orders_in_dispute")
    return all(any(name in step for name in few) for step in scanned)


def _is_read_whole(node: dict[str, Any]) -> bool:
    is_index = "Index Name" in node and "Index Cond" not in node
    return node["Node Type"] == "Seq Scan" or is_index


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        # What reads an index for a bitmap does not say of which table it is.
        yield from _nodes({"Relation Name": node.get("Relation Name")} | child)


def _is_scan(node: dict[str, Any]) -> bool:
    """An index read without a condition is read from end to end as well, if it holds all rows."""
    is_some = node.get("Index Name") in partial_indexes() or "Index Cond" in node
    is_whole = "Index" in node["Node Type"] and not is_some
    is_of_ours = node.get("Relation Name") in GROWING
    return is_of_ours and (node["Node Type"] == "Seq Scan" or is_whole)


def partial_indexes() -> list[str]:
    """Name the indexes that hold few rows, and may be read from end to end."""
    of_many = ["orders_by_time_paid"]
    indexes = [
        index
        for model in (Order, StripeEvent, Message, Product, RefundRequest)
        for index in model._meta.indexes
    ]
    return [index.name for index in indexes if index.condition and index.name not in of_many]


@cache  # it takes a quarter of a second on SQLite
def indexes_of_products() -> dict[str, str]:
    """Name the indexes that lead to all rows of one product, and their tables."""
    with connection.cursor() as cursor:
        return {
            name: table
            for table in GROWING
            for name, found in connection.introspection.get_constraints(cursor, table).items()
            if found["index"] and found["columns"] == ["product_id"]
        }


def look(act: Callable[[], Any], broad: Iterable[str] = ()) -> None:
    """Do it, and see that each of its queries has an index, and none of the `broad` ones."""
    with queries() as seen:
        answer = act()
    assert seen
    assert getattr(answer, "status_code", 200) < 400
    # One that comes again, for other rows, has the same plan.
    guilty = [(query, found) for query in dict(seen).items() if (found := scans(query, broad))]
    assert guilty == []


def a_category() -> Category:
    return Category.objects.get_or_create(name="Desk")[0]


class TestAShopper:
    ALL_THAT_WAIT = ("orders_in_a_state", "orders_by_age")

    @pytest.fixture
    def paid_order(self, ada: Shopper, mouse: Product) -> Order:
        ada.puts(mouse, 1)
        ada.buys()
        deliver(event_about(ada.order))
        return ada.order

    @pytest.fixture
    def pending_order(self, ada: Shopper, mouse: Product, paid_order: Order) -> Order:
        ada.puts(mouse, 2)
        ada.buys()
        return ada.order

    def acts(self, ada: Shopper, mouse: Product, order: Order) -> dict[str, Callable[[], Any]]:
        page = f"/orders/{order.pk}/"
        link = re.compile(r"/receipts/[\w.-]+/")
        return {
            "category": lambda: ada.get(a_category().get_absolute_url()),
            "cart": lambda: (Shopper().get("/cart/"), ada.get("/cart/")),
            "cart-line": lambda: (ada.puts(mouse, 5), ada.puts(mouse, 0), ada.puts(mouse, 3)),
            "delivery": lambda: (
                rate("Post", "AT", 500),
                ada.browser.post("/cart/delivery/", {"country": "AT"}),
            ),
            "home": lambda: (Shopper().get("/"), ada.get("/"), ada.get(f"/?order={order.pk}")),
            "product": lambda: ada.get(mouse.get_absolute_url()),
            "picture": lambda: ada.get(picture_of(mouse).shown.largest),
            "checkout-session": lambda: (ada.buys(), ada.buys_by_json({"items": []})),
            "orders": lambda: (ada.get("/orders/"), ada.asks_by_htmx("/orders/?page=2")),
            "order": lambda: ada.get(page),
            "lost-order": lambda: ada.browser.post(
                "/orders/lost/", {"reference": order.reference, "email": "ada@example.com"}
            ),
            "order-link": lambda: ada.browser.post(f"{page}link/"),
            "receipt": lambda: ada.get(link.findall(ada.get(page).text)[0]),
            "order-link-revocation": lambda: ada.browser.post(f"{page}link/revocation/"),
            "stripe-webhook": lambda: [deliver(event_about(order, **update)) for update in UPDATES],
        }

    def test_is_answered_by_indexes(self, ada: Shopper, mouse: Product, pending_order: Order):
        for act in self.acts(ada, mouse, pending_order).values():
            look(act, broad=self.ALL_THAT_WAIT)

    def test_does_nothing_that_is_forgotten_here(
        self, ada: Shopper, mouse: Product, pending_order: Order
    ):
        assert set(names()) - QUIET == set(self.acts(ada, mouse, pending_order))

    @pytest.mark.once  # PostgreSQL knows how few products there are here, and takes them all
    def test_sees_a_page_of_the_shelf_by_its_index(
        self, ada: Shopper, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("tests.test_query_plans.GROWING", ("storefront_product",))
        category = Category.objects.create(name="Any")
        category.products.add(mouse)
        ada.puts(mouse, 1)
        for address in ("/", category.get_absolute_url(), mouse.get_absolute_url(), "/orders/"):
            look(partial(ada.get, address))
        for page in (Product.objects.on_shelf()[:25], _of_large(category.pk)[:25]):
            assert "the_shelf_in_its_order" in _on_sqlite(*page.query.sql_with_params())[1]

    def test_a_waiting_page_asks_one_table_once(self, ada: Shopper, pending_order: Order):
        address = re.findall(r'hx-get="(/orders/[^"]+)"', ada.get("/").text)[0]
        with queries() as seen:
            assert ada.asks_by_htmx(address.replace("&amp;", "&")).status_code == 204
        assert [scans(query) for query in seen] == [[]]


UPDATES: list[dict[str, Any]] = [
    {"kind": "checkout.session.expired", "payment_status": "unpaid"},
    {"kind": "checkout.session.completed", "payment_status": "unpaid"},
    {"kind": "checkout.session.async_payment_failed", "payment_status": "unpaid"},
    {"kind": "checkout.session.completed", "payment_intent": "pi_of_the_test"},
    {"kind": "charge.refunded", "payment_intent": "pi_of_the_test", "amount_refunded": 1},
    {"kind": "refund.created", "payment_intent": "pi_of_the_test", "amount": 1},
    {"kind": "charge.dispute.created", "payment_intent": "pi_of_the_test"},
    {"kind": "charge.refunded", "payment_intent": "pi_of_no_order", "amount_refunded": 1},
]


def names() -> Iterator[str]:
    """Name each address of the shop's own."""
    for included in get_resolver().url_patterns:
        for pattern in getattr(included, "url_patterns", []):
            is_ours = getattr(included, "namespace", "") in ("storefront", "checkout")
            if is_ours and isinstance(pattern, URLPattern) and pattern.name:
                yield pattern.name


class TestTheWorker:
    def test_is_answered_by_indexes(self, stripe: StandIn, shop: None):
        Order.objects.filter(status="PENDING").update(
            created_at=timezone.now() - timedelta(hours=2)
        )
        look(lambda: call_command("reconcile_orders", older_than=0, stdout=StringIO()))

    def test_compares_by_indexes(self, stripe: StandIn, mouse: Product, ada: Shopper):
        ada.puts(mouse, 1)
        ada.buys()
        stripe.pay(ada.order.session_id or "")
        now = timezone.now()
        look(lambda: compare(now, now - LOOKS_BACK))

    def test_forgets_by_indexes(
        self, shop: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ):
        settings.KEEP_EMAILS = timedelta(days=300)
        # So many of so few orders would rather be looked for by reading all of them.
        monkeypatch.setattr(purging, "BATCH", 20)
        monkeypatch.setattr(purging, "PAUSE_SECONDS", 0)
        look(lambda: call_command("forget", stdout=StringIO()))
        assert Order.objects.count() < 2_000


class TestTheMerchant:
    LISTS = {
        "/admin/": [""],
        "/admin/health/": [""],
        "/admin/money/": ["", "?year=2025"],
        "/admin/export/": ["orders.csv?{days}", "lines.csv?{days}", "refunds.csv?{days}"],
        "/admin/to-ship/": ["", "?page=2", "slips/?order={order.pk}"],
        "/admin/checkout/order/": [
            "",
            "?p=3",
            *(f"?tab={tab}" for tab in TABS),
            "?tab=paid&p=2",
            "{order.pk}/refund/",
            "?status__exact=REVIEW",
            "?disputed_at__isempty=0",
            "?created_at__gte=2026-01-01 00:00:00%2B00:00",
            "?q={order.reference}",
            "?q={order.pk}",
            "?q={order.email}",
            "?q=jörg@exämple.de",
            "?q={order.session_id}",
            "?q={order.payment_intent}",
            *(f"?q={words}" for words in SEARCHES),
            "{order.pk}/change/",
        ],
        "/admin/storefront/product/": ["", "?status=no-picture"],
        "/admin/checkout/message/": [
            "",
            "?p=3",
            "?state=waiting",
            "?state=unsure",
            "?state=failed",
            "?q={order.reference}",
            "?q={order.email}",
        ],
        "/admin/checkout/stripeevent/": [
            "",
            "?p=3",
            "?outcome__exact=ignored",
            "?q=evt_1",
            "?q={order.session_id}",
            "?q={order.payment_intent}",
        ],
    }

    @pytest.fixture
    def desk(self, db: None) -> Client:
        client = Client()
        client.force_login(User.objects.create_superuser("merchant"))
        return client

    def test_opens_lists_by_indexes(self, desk: Client, shop: None):
        orders = Order.objects.filter(status="PAID")
        # Of a few rows PostgreSQL reads any index from end to end.
        merchant = User.objects.get()
        for paid in orders[:300]:
            key, at = str(paid.pk), paid.paid_at
            RefundRequest.objects.create(order=paid, amount_cents=1, key=key, closed_at=at)
            LogEntry.objects.create(user=merchant, object_id=key, action_flag=CHANGE)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE merchant_refundrequest, django_admin_log")
        order = orders.latest("created_at")
        for path, searches in self.LISTS.items():
            for search in searches:
                address = path + search.format(order=order, days="from=2025-01-01&to=2025-01-02")
                look(partial(desk.get, address))

    def test_lists_what_is_to_be_shipped_by_an_index_of_that_alone(self, desk: Client, shop: None):
        plan = _on_sqlite if connection.vendor == "sqlite" else _on_postgresql
        with queries() as seen:
            desk.get("/admin/to-ship/")
        lists = [query for query in seen if '"shipped_at" IS NULL' in query[0]]
        assert lists
        assert [plan(*query)[1] for query in lists] == [["orders_to_ship"]] * len(lists)

    @pytest.mark.parametrize("words", SEARCHES)
    def test_searches_from_where_an_index_begins_so(self, shop: None, words: str):
        plan = _on_sqlite if connection.vendor == "sqlite" else _on_postgresql
        with queries() as seen:
            found(words)
        used = {name for query in seen for name in plan(*query)[1]}
        assert SEARCHES[words] <= used
        # An index that holds some of the rows could be read from end to end as well.
        assert not used & {*partial_indexes()} - SEARCHES[words] - {"orders_of_other_letters"}
        assert all(map(is_sought, seen))

    def test_finds_an_order_by_its_names(self, desk: Client, shop: None):
        order = Order.objects.filter(status="PAID").latest("created_at")
        for name in (order.reference, order.pk, order.email.upper(), order.session_id):
            page = desk.get("/admin/checkout/order/", {"q": f" {name} "})
            assert order in page.context["cl"].result_list
            assert len(page.context["cl"].result_list) < 20

    def test_finds_nothing_by_what_is_no_name(self, desk: Client, shop: None):
        for name in ("x", "K7M2-PQ4X-", "pi_x", "@", "\N{SNOWMAN}"):
            page = desk.get("/admin/checkout/order/", {"q": name})
            assert len(page.context["cl"].result_list) == 0


class TestAScan:
    def test_is_told(self, mouse: Product):
        with queries() as seen:
            Order.objects.filter(fingerprint__contains="x").exists()
            list(StripeEvent.objects.filter(note="x"))
            CartLine.objects.count()
            list(OrderItem.objects.filter(product=mouse))
        assert [bool(scans(query)) for query in seen] == [True] * 4
