"""Without Stripe's keys the shop is a demo, on the same way through the events."""

import re

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from checkout import demo
from checkout.bills import address_lines
from checkout.checks import real_money
from checkout.models import Order, StripeEvent
from storefront.models import Product
from tests.cast import Shopper, rate
from tools.stripe_stand_in import StandIn


class TestTheDemoShop:
    def test_completes_an_order_at_once(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        response = ada.buys()
        assert response.status_code == 303
        assert response["Location"] == f"http://testserver/?order={ada.order.pk}"
        assert (ada.order.status, ada.order.total_cents, ada.cart) == ("PAID", 5_998, {})

    def test_goes_through_the_same_events(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        ada.buys()
        event = StripeEvent.objects.get()
        assert (event.type, event.outcome) == ("checkout.session.completed", "applied")
        assert event.order == ada.order

    def test_answers_json_with_a_session(self, ada: Shopper, mouse: Product):
        data = {"items": [{"product_id": mouse.pk, "quantity": 1}]}
        answer = ada.buys_by_json(data).json()
        assert answer["id"].startswith("cs_")
        assert answer["order_id"] == str(ada.order.pk)
        assert ada.order.status == "PAID"

    def test_sells_the_same_thing_again(self, ada: Shopper, mouse: Product):
        for _ in range(2):
            ada.puts(mouse, 1)
            ada.buys()
        assert [order.status for order in ada.orders] == ["PAID", "PAID"]

    def test_pays_what_was_interrupted_at_the_next_click(
        self, ada: Shopper, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        ada.puts(mouse, 1)
        with monkeypatch.context() as patch:
            patch.setattr(demo, "collect_payment", lambda order: None)
            ada.buys()
        assert ada.order.status == "PENDING"
        ada.buys()
        assert [order.status for order in ada.orders] == ["PAID"]

    def test_gives_things_away(self, ada: Shopper, mouse: Product):
        Product.objects.update(price_cents=0)
        ada.puts(mouse, 1)
        ada.buys()
        assert ada.order.status == "PAID"

    @pytest.mark.once
    @pytest.mark.parametrize("tax", ["off", "inclusive", "exclusive"])
    @pytest.mark.parametrize("cents", [0, 490])
    @pytest.mark.parametrize(("asks", "phone"), [(False, ""), (True, demo.MADE_UP_PHONE)])
    def test_sends_to_a_made_up_address_and_fits_what_was_offered(
        self, ada: Shopper, mouse: Product, settings: Settings, tax: str, cents: int, asks, phone
    ):
        settings.TAX, settings.PROMOTION_CODES, settings.ASK_PHONE = tax, True, asks
        rate("Parcel", "AT", cents)
        ada.puts(mouse, 1)
        ada.buys()
        order = ada.order
        assert (order.status, order.review_reason, order.phone) == ("PAID", "", phone)
        assert (order.total_cents, order.shipping_cents) == (2_999 + cents, cents)
        assert order.has_to_be_shipped
        assert address_lines(order) == [
            *("Ada Example", "1 Example Street", "12345 Example", "Austria")
        ]

    @pytest.mark.once
    def test_does_not_pretend_that_a_parcel_is_on_its_way(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        ada.buys()
        page = f"/orders/{ada.order.pk}/"
        assert "This is a demo, so nothing is shipped." in ada.get(page).text
        Order.objects.update(shipped_at=timezone.now())
        assert "This is a demo, so nothing is really on its way." in ada.get(page).text

    def test_asks_for_no_address_of_what_is_not_sent(self, ada: Shopper, mouse: Product):
        rate("Parcel", "AT", 490)
        Product.objects.update(needs_shipping=False)
        ada.puts(mouse, 1)
        ada.buys()
        assert (ada.order.status, ada.order.ship_to) == ("PAID", None)

    @pytest.mark.once
    def test_says_so_on_every_page(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        ada.buys()
        order = f"/orders/{ada.order.pk}/"
        for page in ("/", "/orders/", order, "/products/mouse/", "/nowhere/", "/admin/login/"):
            assert "Demo shop: nothing is charged" in ada.get(page).text
        assert re.search("nothing was charged", ada.get(order).text)


@pytest.mark.once
class TestAShopWithTestKeys:
    def test_says_so_on_every_page_that_strangers_see(
        self, stripe: StandIn, ada: Shopper, mouse: Product, settings: Settings
    ):
        settings.IS_PUBLIC = True
        ada.puts(mouse, 1)
        ada.buys()
        order = f"/orders/{ada.order.pk}/"
        for page in ("/", "/orders/", order, "/products/mouse/", "/nowhere/"):
            text = ada.get(page).text
            assert "Test shop: payments are tests, so no card is charged" in text
            assert "Demo shop" not in text

    @pytest.mark.parametrize(("is_public", "is_live"), [(False, False), (True, True)])
    def test_says_nothing_where_it_is_expected_or_takes_money(
        self, stripe: StandIn, ada: Shopper, settings: Settings, is_public: bool, is_live: bool
    ):
        settings.IS_PUBLIC, settings.STRIPE_LIVE_MODE = is_public, is_live
        text = ada.get("/").text
        assert "Test shop" not in text
        assert "Demo shop" not in text


@pytest.mark.once
@pytest.mark.parametrize(
    ("mode", "is_demo", "is_live", "words", "warning"),
    [
        ("demo", True, False, "Demo shop: nothing is charged", ["checkout.W001"]),
        ("test", False, False, "Test keys: payments are tests", ["checkout.W002"]),
        ("live", False, True, "", []),
    ],
)
def test_the_merchant_sees_whether_money_moves(
    ada: Shopper,
    settings: Settings,
    mode: str,
    is_demo: bool,
    is_live: bool,
    words: str,
    warning: list[str],
):
    settings.STRIPE_DEMO_MODE, settings.STRIPE_LIVE_MODE = is_demo, is_live
    settings.STRIPE_KEY_PRESENT = not is_demo
    ada.browser.force_login(User.objects.create_superuser("merchant"))
    text = ada.get("/admin/").text
    assert f'title="Payments: {mode}">{mode.upper()}</span>' in text
    assert re.findall('<li class="info">([^,.]*)', text) == [words] * bool(words)
    assert real_money(None) == []
    settings.IS_PUBLIC = True
    assert [found.id for found in real_money(None)] == warning


@pytest.mark.parametrize("quantity", [1, 2])
class TestAShopWhoseKeysHaveChanged:
    """Events about a session that other keys have opened would never arrive."""

    def test_sells_in_the_demo_what_was_begun_with_stripe(
        self, stripe: StandIn, ada: Shopper, mouse: Product, settings, quantity: int
    ):
        ada.puts(mouse, 1)
        ada.buys()
        begun, asked = ada.order, len(stripe.requests)
        has_keys(settings, publishable="", secret="")
        ada.puts(mouse, quantity)
        assert ada.buys()["Location"] == f"http://testserver/?order={ada.order.pk}"
        assert (ada.order.status, len(stripe.requests)) == ("PAID", asked)
        begun.refresh_from_db()
        assert begun.superseded_at

    def test_takes_money_for_what_the_demo_left_unpaid(
        self,
        stripe: StandIn,
        ada: Shopper,
        mouse: Product,
        settings,
        quantity: int,
        monkeypatch: pytest.MonkeyPatch,
    ):
        ada.puts(mouse, 1)
        with monkeypatch.context() as patch:
            has_keys(settings, publishable="", secret="")
            patch.setattr(demo, "collect_payment", lambda order: None)
            ada.buys()
        has_keys(settings, publishable="pk_test_1", secret="sk_test_1")
        ada.puts(mouse, quantity)
        assert ada.buys()["Location"] == stripe.sessions[ada.order.session_id or ""]["url"]

    def test_offers_no_session_of_another_account(
        self, stripe: StandIn, ada: Shopper, mouse: Product, settings, quantity: int
    ):
        ada.puts(mouse, 1)
        first = ada.buys()["Location"]
        has_keys(settings, publishable="pk_test_other", secret="sk_test_other")
        ada.puts(mouse, quantity)
        assert ada.buys()["Location"] not in ("", first)
        assert [order.superseded_at is None for order in ada.orders].count(True) == 1


def has_keys(settings: Settings, publishable: str, secret: str) -> None:
    settings.STRIPE_PUBLISHABLE_KEY, settings.STRIPE_SECRET_KEY = publishable, secret
    settings.STRIPE_KEY_PRESENT, settings.STRIPE_DEMO_MODE = bool(secret), not secret
