"""What the merchant says of the shop: where it shows, who follows when, and whether it sells."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.mail import EmailMessage
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from checkout import outbox
from checkout.models import Order
from storefront.models import Product, Shop, shop, shop_zone
from tests.cast import (
    Shopper,
    deliver,
    event_about,
    leads_to_payment,
    product,
    rate,
    shop_says,
)
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db

IMPRINT: dict[str, Any] = {
    "contact_mail": "tea@example.com",
    "phone": "+43 316 / 12 34",
    "address": "Tea & Co\r\n\r\nHerrengasse 1\r\n8010 Graz",
    "tax_id": "ATU12345678",
}
CONTROLS = re.compile(r'<form[^>]*action="/(?:cart/|create-checkout-session/)|id="bar-action"')


def soon(days: int = 3) -> date:
    return timezone.localdate(timezone=UTC) + timedelta(days=days)


def closed(**values: Any) -> Shop:
    said = {"state": "closed", "until": soon(), "words": "We are at the <seaside>."}
    return shop_says(**said | values)


class TestWhatTheMerchantSays:
    def test_is_on_every_page(self, ada: Shopper, mouse: Product):
        shop_says(
            **IMPRINT,
            name="Tea & Co",
            description="Teas.",
            accent="#aa3300",
            announcement="<b>New</b> teas",
            delivery_note="Leaves on weekdays.",
            return_days=14,
            returns_note="The parcel is on us.",
        )
        for path in ("/", "/cart/", "/orders/", "/products/mouse/", "/nowhere/"):
            text = ada.get(path).text
            assert "<bdi>Tea &amp; Co</bdi>" in text
            assert 'href="/brand.css?%23aa3300"' in text
            assert "&lt;b&gt;New&lt;/b&gt; teas" in text
            assert "<p><bdi>Tea &amp; Co</bdi><br><bdi>Herrengasse 1</bdi><br>" in text
            assert 'href="tel:+433161234"' in text
            assert 'href="mailto:tea@example.com"' in text
            assert "ATU12345678" in text
        said = ada.get("/products/mouse/").text
        assert "Leaves on weekdays." in said
        assert "You can return it within 14 days. The parcel is on us." in said
        assert 'content="Teas."' in ada.get("/").text

    def test_is_told_to_stripe_and_by_mail(
        self,
        stripe: StandIn,
        ada: Shopper,
        mouse: Product,
        mails: list[EmailMessage],
        settings: Any,
    ):
        settings.MERCHANT_MAIL, settings.MAIL_FROM = "", "orders@shop.example"
        shop_says(name="Tea & Co", accent="#aa3300", time_zone="Asia/Tokyo", **IMPRINT)
        ada.puts(mouse, 1)
        ada.buys()
        looks = {"display_name": "Tea & Co", "button_color": "#aa3300"}
        assert stripe.requests[-1].params["branding_settings"] == looks
        deliver(event_about(ada.order, customer_details={"email": "ada@example.com"}))
        outbox.send_due(timezone.now())
        [mail] = mails
        assert (mail.from_email, mail.reply_to) == (
            "Tea & Co <orders@shop.example>",
            ["tea@example.com"],
        )
        assert "Tax id ATU12345678" in mail.body
        assert "JST" in " ".join(mail.body.split())

    @pytest.mark.parametrize(
        ("name", "field", "said", "wins"),
        [
            ("SHOP_NAME", "name", "Tea", "Cups"),
            ("SHOP_DESCRIPTION", "description", "Teas.", "Cups."),
            ("SHOP_ACCENT", "accent", "#aa3300", "#00aa33"),
        ],
    )
    def test_gives_way_to_the_environment(
        self, ada: Shopper, settings: Settings, name: str, field: str, said: str, wins: str
    ):
        shop_says(**{field: said})
        before = ada.get("/").text
        setattr(settings, name, wins)
        after = ada.get("/").text
        assert said.strip("#") in before
        assert said.strip("#") not in after
        assert wins.strip("#") in after

    def test_is_the_clock_of_all_pages(self, stripe: StandIn, ada: Shopper, mouse: Product):
        shop_says(time_zone="Asia/Tokyo")
        ada.puts(mouse, 1)
        ada.buys()
        Order.objects.update(created_at=datetime(2026, 7, 10, 22, 30, tzinfo=UTC))
        assert "11 July 2026, 07:30 JST" in ada.get(f"/orders/{ada.order.pk}/").text
        assert timezone.get_current_timezone_name() == "UTC"

    def test_may_be_a_zone_that_this_machine_does_not_know(self, ada: Shopper, settings: Settings):
        shop_says(time_zone="Mars/Olympus")
        assert ada.get("/").status_code == 200
        assert str(shop_zone()) == settings.TIME_ZONE

    def test_is_the_country_where_delivery_begins(
        self, ada: Shopper, mouse: Product, settings: Settings
    ):
        settings.CURRENCY = "eur"
        shop_says(time_zone="Asia/Tokyo")
        rate("Parcel", "*", 490)
        ada.puts(mouse, 1)
        assert "Delivery to Japan" in ada.get("/cart/").text


class TestTheColour:
    def test_is_that_of_its_address_whatever_this_process_knows(self, ada: Shopper):
        shop_says(accent="#aa3300")
        assert "--brand:#00aa33" in ada.get("/brand.css?%2300aa33").text
        for other in ("", "?teal", "?%23fff;}*{display:none"):
            assert "--brand:#aa3300}" in ada.get(f"/brand.css{other}").text


class TestAProcess:
    def test_asks_once_in_five_seconds(
        self,
        ada: Shopper,
        django_assert_num_queries: DjangoAssertNumQueries,
        monkeypatch: pytest.MonkeyPatch,
    ):
        Shop.this()
        Shop.forget()
        with django_assert_num_queries(1):
            assert [Shop.current().shown_name, Shop.current().shown_name] == ["Storefront"] * 2
        Shop.objects.update(name="Tea")
        monkeypatch.setattr(shop, "FOLLOWS_WITHIN", 0)
        with django_assert_num_queries(1):
            assert Shop.current().shown_name == "Tea"

    def test_keeps_what_it_knows_while_the_database_is_away(
        self, ada: Shopper, monkeypatch: pytest.MonkeyPatch
    ):
        shop_says(name="Tea & Co")
        ada.get("/")
        monkeypatch.setattr(shop, "FOLLOWS_WITHIN", 0)
        with (
            patch.object(Shop, "read", side_effect=OperationalError),
            patch("storefront.views.whole_shelf", side_effect=OperationalError),
        ):
            answer = ada.get("/")
        assert answer.status_code == 503
        assert "Tea &amp; Co" in answer.text


class TestAClosedShop:
    @pytest.fixture
    def kept(self, stripe: StandIn, ada: Shopper, mouse: Product) -> Product:
        ada.puts(mouse, 2)
        return mouse

    @pytest.mark.parametrize("path", ["/", "/cart/", "/products/mouse/", "/?q=mouse"])
    def test_shows_all_and_sells_nothing(self, ada: Shopper, kept: Product, path: str):
        assert CONTROLS.search(ada.get(path).text)
        closed()
        answer = ada.get(path)
        assert answer.status_code == 200
        assert not CONTROLS.search(answer.text)
        assert f"We are closed until {soon().day} " in answer.text
        assert "We are at the &lt;seaside&gt;." in answer.text
        assert "$59.98" in answer.text
        assert ada.cart == {"Mouse": 2}

    def test_is_out_of_stock_to_search_engines(self, ada: Shopper, kept: Product):
        assert "schema.org/InStock" in ada.get("/products/mouse/").text
        closed()
        text = ada.get("/products/mouse/").text
        assert "schema.org/OutOfStock" in text
        assert "In stock." not in text

    def test_refuses_buy_in_the_merchants_words_although_the_page_was_open(
        self, ada: Shopper, kept: Product
    ):
        closed()
        vars(shop._last)["known"] = shop.Known(Shop(), 0)  # this process has not heard of it
        by_json = ada.buys_by_json({"items": [{"product_id": kept.pk, "quantity": 1}]})
        assert by_json.status_code == 400
        assert by_json.json()["error"].startswith(f"We are closed until {soon():%-d %B %Y}. We are")
        page = ada.is_refused(ada.buys())
        assert "Nothing was charged, and your cart stays as it is." in page.text
        assert not Order.objects.exists()
        assert ada.cart == {"Mouse": 2}

    def test_opens_by_itself_in_the_morning_of_its_day(self):
        row = closed(until=date(2026, 12, 24), time_zone="Asia/Tokyo")
        assert row.is_closed(datetime(2026, 12, 23, 14, 59, tzinfo=UTC))
        assert not row.is_closed(datetime(2026, 12, 23, 15, 0, tzinfo=UTC))
        assert row.notice(datetime(2026, 12, 23, 15, 0, tzinfo=UTC)) == ""

    def test_may_not_know_the_day(self, ada: Shopper):
        closed(until=None)
        assert "We are closed for the moment. We are at" in ada.get("/").text


class TestAShopThatShipsLater:
    def test_says_so_and_sells(self, stripe: StandIn, ada: Shopper, mouse: Product):
        shop_says(state="ships_later", until=soon(), words="We move.")
        ada.puts(mouse, 1)
        text = ada.get("/").text
        assert f"we ship again on {soon().day} " in text
        assert "We move." in text
        assert CONTROLS.search(text)
        assert leads_to_payment(ada.buys())

    def test_says_nothing_once_the_day_has_come(self, ada: Shopper):
        product()
        shop_says(state="ships_later", until=soon(0), words="We move.")
        assert "We move." not in ada.get("/").text
