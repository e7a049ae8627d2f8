"""Buy with delivery, codes and tax: what is offered is stored, and Stripe is told just that."""

import typing
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from stripe.params.checkout import SessionCreateParams

from storefront import stripe_keys
from storefront.models import Product, ShippingRate, Shop
from tests.cast import Shopper, chooses, deliver, leads_to_payment, picture_of, rate
from tools.stripe_stand_in import StandIn

CREATE = "/v1/checkout/sessions"


def told(stripe: StandIn) -> dict[str, Any]:
    """What Stripe was told at last when a session was opened."""
    return [call.params for call in stripe.requests if call.path == CREATE][-1]


@pytest.fixture
def parcel(db: None) -> ShippingRate:
    return rate("Parcel", "DE AT", 490, days_least=2, days_most=4)


@pytest.fixture
def express(parcel: ShippingRate) -> ShippingRate:
    return rate("Express", "DE", 1_290, free_from_cents=6_000, position=1)


@pytest.fixture
def abroad(parcel: ShippingRate) -> ShippingRate:
    return rate("Abroad", "FR", 1_490, position=2)


@pytest.fixture
def ada(ada: Shopper, mouse: Product) -> Shopper:
    """With a mouse in her cart, of $29.99."""
    ada.puts(mouse, 1)
    return ada


class TestDelivery:
    def test_is_stored_with_the_order(self, stripe: StandIn, ada: Shopper, parcel: ShippingRate):
        assert leads_to_payment(ada.buys(country="DE", delivery=parcel.pk, total_cents=3_489))
        order = ada.order
        (rate_id,) = [
            option["shipping_rate"]
            for option in stripe.sessions[order.session_id or ""]["shipping_options"]
        ]
        assert (order.total_cents, order.shipping_cents, order.country) == (3_489, 490, "DE")
        way = {"name": "Parcel", "cents": 490, "rate": rate_id, "least": 2, "most": 4}
        assert order.offer == {"shipping": [way], "codes": False, "tax": "off"}
        assert order.needs_shipping

    def test_is_all_that_stripe_offers(self, stripe: StandIn, ada: Shopper, express: ShippingRate):
        chooses(ada, "DE", express)
        ada.buys()
        assert told(stripe)["shipping_address_collection"] == {"allowed_countries": ["DE"]}
        (option,) = told(stripe)["shipping_options"]
        assert option["shipping_rate_data"] == {
            "type": "fixed_amount",
            "display_name": "Express",
            "fixed_amount": {"amount": 1_290, "currency": "usd"},
        }

    @pytest.mark.parametrize(
        ("days", "told_days"),
        [((2, 4), {"minimum": 2, "maximum": 4}), ((None, 3), {"maximum": 3})],
    )
    def test_has_the_days_that_it_takes(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate, days, told_days
    ):
        ShippingRate.objects.update(days_least=days[0], days_most=days[1])
        ada.buys()
        data = told(stripe)["shipping_options"][0]["shipping_rate_data"]
        assert data["delivery_estimate"] == {
            end: {"unit": "business_day", "value": value} for end, value in told_days.items()
        }

    def test_that_is_paid_as_offered_fits(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate
    ):
        ada.buys()
        stripe.pay(ada.order.session_id or "")
        deliver(*stripe.events_of("checkout.session.completed"))
        assert (ada.order.status, ada.order.review_reason) == ("PAID", "")
        assert ada.order.received_cents == 3_489

    def test_is_not_asked_for_what_is_not_sent(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate
    ):
        Product.objects.update(needs_shipping=False)
        assert leads_to_payment(ada.buys(country="XX", delivery="nonsense", total_cents=2_999))
        assert "shipping_options" not in told(stripe)
        assert (ada.order.offer, ada.order.needs_shipping, ada.order.country) == (None, False, "")

    def test_counts_to_what_stripe_takes_at_most(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate
    ):
        Product.objects.update(price_cents=99_999_999)
        page = ada.is_refused(ada.buys())
        assert "$999,999.99 at most. Please ask the shop how to pay for this." in page.text
        assert ada.orders == []

    def test_goes_without_saying_for_a_page_of_the_last_release(
        self, stripe: StandIn, ada: Shopper, express: ShippingRate
    ):
        assert "The total has changed to $34.89" in ada.is_refused(ada.buys(total_cents=2_999)).text
        assert leads_to_payment(ada.buys(total_cents=3_489))


class TestWhatHasChangedSinceSheLooked:
    @pytest.fixture(autouse=True)
    def several(self, express: ShippingRate, abroad: ShippingRate) -> None:
        """Two ways to Germany, one to Austria and one to France."""

    def test_is_the_country_in_another_tab(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate
    ):
        chooses(ada, "FR")
        answer = ada.buys(country="DE", delivery=parcel.pk, total_cents=3_489)
        page = ada.is_refused(answer)
        assert "Delivery has changed to Abroad to France, and the total to $44.89" in page.text
        assert (ada.orders, stripe.requests) == ([], [])

    def test_is_the_way_at_the_same_price(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate, express: ShippingRate
    ):
        ShippingRate.objects.update(amount_cents=490)
        chooses(ada, "DE", express)
        answer = ada.buys(country="DE", delivery=parcel.pk, total_cents=3_489)
        assert "Delivery has changed to Express to Germany" in ada.is_refused(answer).text

    def test_is_a_rate_that_is_off(self, stripe: StandIn, ada: Shopper, express: ShippingRate):
        chooses(ada, "DE", express)
        ShippingRate.objects.filter(pk=express.pk).update(is_on=False)
        answer = ada.buys(country="DE", delivery=express.pk, total_cents=4_289)
        page = ada.is_refused(answer).text
        assert "This delivery is not possible to Germany. Please choose again." in page
        assert ada.orders == []

    @pytest.mark.parametrize("form", [{}, {"country": "FR"}], ids=["by her choice", "by the form"])
    def test_is_a_country_that_is_served_no_more(
        self, stripe: StandIn, ada: Shopper, abroad: ShippingRate, form: dict[str, str]
    ):
        chooses(ada, "FR", abroad)
        abroad.delete()
        page = ada.is_refused(ada.buys(**form)).text
        assert "We don’t ship to France. Choose another country." in page

    @pytest.mark.parametrize(
        ("change", "total"), [({"amount_cents": 590}, "$35.89"), ({"free_from_cents": 1}, "$29.99")]
    )
    def test_is_the_price(
        self,
        stripe: StandIn,
        ada: Shopper,
        parcel: ShippingRate,
        change: dict[str, int],
        total: str,
    ):
        ShippingRate.objects.filter(pk=parcel.pk).update(**change)
        answer = ada.buys(country="DE", delivery=parcel.pk, total_cents=3_489)
        assert f"The total has changed to {total} since" in ada.is_refused(answer).text

    def test_is_that_goods_became_free_of_it(
        self, stripe: StandIn, ada: Shopper, mouse: Product, express: ShippingRate
    ):
        chooses(ada, "DE", express)
        ada.puts(mouse, 3)
        answer = ada.buys(country="DE", delivery=express.pk, total_cents=8_997 + 1_290)
        assert "The total has changed to $89.97 since" in ada.is_refused(answer).text
        assert leads_to_payment(ada.buys(country="DE", delivery=express.pk, total_cents=8_997))
        assert (ada.order.shipping_cents, ada.order.total_cents) == (0, 8_997)

    @pytest.mark.parametrize(
        ("country", "words"),
        [
            ("KP", "We don’t ship to KP."),
            ("germany", "We don’t ship to GERMANY."),
            (" ", "We don’t ship to ?."),
            ("Ö" * 3_000, f"We don’t ship to {'Ö' * 40}."),
            ("\u200b", "We don’t ship to ?."),
        ],
    )
    def test_is_no_country_at_all(self, stripe: StandIn, ada: Shopper, country: str, words: str):
        assert words in ada.is_refused(ada.buys(country=country)).text

    @pytest.mark.parametrize("number", ["0", "-1", "x", "1.0", "²", "9" * 5_000])
    def test_is_no_rate_at_all(self, stripe: StandIn, ada: Shopper, number: str):
        page = ada.is_refused(ada.buys(country="DE", delivery=number, total_cents=3_489))
        assert "This delivery is not possible to Germany" in page.text

    @pytest.mark.once
    def test_is_said_to_htmx_by_the_status(self, stripe: StandIn, ada: Shopper):
        answer = ada.browser.post(
            "/create-checkout-session/", {"country": "US"}, headers={"HX-Request": "true"}
        )
        assert (answer.status_code, "We don’t ship to United States" in answer.text) == (422, True)


class TestByJson:
    @pytest.fixture
    def items(self, mouse: Product) -> list[dict[str, int]]:
        return [{"product_id": mouse.pk, "quantity": 1}]

    def test_delivery_is_named(
        self, stripe: StandIn, ada: Shopper, express: ShippingRate, abroad: ShippingRate, items
    ):
        chooses(ada, "FR")  # which the call does not go by
        wanted = {"items": items, "country": "DE", "delivery": express.pk}
        assert ada.buys_by_json(wanted).status_code == 200
        assert (ada.order.country, ada.order.total_cents) == ("DE", 4_289)

    def test_the_country_may_be_in_small_letters(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate, items: list[dict[str, int]]
    ):
        assert ada.buys_by_json({"items": items, "country": "at"}).status_code == 200
        assert ada.order.country == "AT"

    def test_the_only_one_goes_without_saying(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate, items
    ):
        ShippingRate.objects.update(countries="AT")
        assert ada.buys_by_json({"items": items}).status_code == 200
        assert (ada.order.country, ada.order.total_cents) == ("AT", 3_489)

    @pytest.mark.parametrize(
        ("choice", "words"),
        [
            ({}, "Please choose the country"),
            ({"country": ""}, "Please choose the country"),
            ({"country": "DE"}, "Please choose one of the ways"),
            ({"country": "US"}, "We don’t ship to United States. Choose another country."),
            ({"country": "AT", "delivery": 2**31 - 1}, "This delivery is not possible to Austria."),
            ({"country": "DE", "delivery": -1}, "This delivery is not possible to Germany."),
            ({"country": 49}, "country must be"),
            ({"country": None}, "country must be"),
            ({"country": ["DE"]}, "country must be"),
            ({"country": "DE", "delivery": "1"}, "delivery must be"),
            ({"country": "DE", "delivery": True}, "delivery must be"),
            ({"country": "DE", "delivery": 1.0}, "delivery must be"),
            ({"country": "DE", "delivery": None}, "delivery must be"),
            ({"country": "\ud800"}, "Choose another country."),
        ],
        ids=str,
    )
    def test_another_is_refused(
        self, stripe: StandIn, ada: Shopper, express: ShippingRate, items, choice, words: str
    ):
        answer = ada.buys_by_json({"items": items, **choice})
        assert (answer.status_code, words in answer.json()["error"]) == (400, True)
        assert ada.orders == []

    def test_what_is_not_sent_needs_none(
        self, stripe: StandIn, ada: Shopper, express: ShippingRate, items
    ):
        Product.objects.update(needs_shipping=False)
        assert ada.buys_by_json({"items": items, "country": "US"}).status_code == 200
        assert ada.order.total_cents == 2_999


class TestPressingBuyAgain:
    def test_for_another_country_ends_the_old_session(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate
    ):
        for country in ("DE", "AT", "AT"):
            chooses(ada, country)
            assert leads_to_payment(ada.buys())
        assert [s["status"] for s in stripe.sessions.values()] == ["expired", "open"]
        assert sorted(order.country for order in ada.orders) == ["AT", "DE"]

    def test_by_another_way_ends_it_too(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate, express: ShippingRate
    ):
        ShippingRate.objects.update(amount_cents=490)
        for way in (parcel, express):
            chooses(ada, "DE", way)
            assert leads_to_payment(ada.buys())
        assert [s["status"] for s in stripe.sessions.values()] == ["expired", "open"]

    @pytest.mark.parametrize("setting", [{"PROMOTION_CODES": True}, {"TAX": "inclusive"}], ids=str)
    def test_once_more_may_be_added_ends_it_too(
        self, stripe: StandIn, ada: Shopper, settings: Settings, setting: dict[str, object]
    ):
        ada.buys()
        for name, value in setting.items():
            setattr(settings, name, value)
        ada.buys()
        assert [s["status"] for s in stripe.sessions.values()] == ["expired", "open"]


class TestWhatStripeIsTold:
    @pytest.mark.once
    def test_with_nothing_besides_the_goods(self, stripe: StandIn, ada: Shopper, mouse: Product):
        """All of it: what is not here is not asked, such as an address."""
        Product.objects.update(description="", tax_code="txcd_99999999")
        ada.buys()
        order = ada.order
        reference = {"order_id": str(order.pk), "shop": str(Shop.this())}
        new = {"description": f"Order {order.reference}"}
        product = {"name": "Mouse", "metadata": {"product_id": str(mouse.pk)}}
        price = {"currency": "usd", "unit_amount": 2_999, "product_data": product}
        expires_at = told(stripe)["expires_at"]
        assert told(stripe) == {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": price}],
            "client_reference_id": str(order.pk),
            "metadata": reference,
            "payment_intent_data": {"metadata": reference} | new,
            "expires_at": expires_at,
            "success_url": f"http://testserver/?order={order.pk}",
            "cancel_url": f"http://testserver/?canceled={order.pk}",
            "locale": "auto",
            "branding_settings": {"display_name": "Storefront"},
        }
        assert (order.offer, order.shipping_cents, order.total_cents) == (None, 0, 2_999)

    @pytest.mark.once
    @pytest.mark.parametrize(("accent", "colour"), [("#0b6e4f", "#0b6e4f"), ("#fA0", "#ffAA00")])
    def test_is_the_name_and_the_colour_of_the_shop(
        self, stripe: StandIn, ada: Shopper, settings: Settings, accent: str, colour: str
    ):
        settings.SHOP_NAME, settings.SHOP_ACCENT = "Tea & more", accent
        ada.buys()
        looks = {"display_name": "Tea & more", "button_color": colour}
        assert told(stripe)["branding_settings"] == looks

    @pytest.mark.once
    def test_is_the_phone_if_the_shop_asks_for_it(
        self, stripe: StandIn, ada: Shopper, settings: Settings
    ):
        settings.ASK_PHONE = True
        ada.buys()
        assert told(stripe)["phone_number_collection"] == {"enabled": True}

    @pytest.mark.once
    def test_are_the_ways_to_pay_that_are_left_out(
        self, stripe: StandIn, ada: Shopper, settings: Settings
    ):
        settings.EXCLUDE_PAYMENT_METHODS = ["sepa_debit", "klarna"]
        ada.buys()
        assert told(stripe)["excluded_payment_method_types"] == ["sepa_debit", "klarna"]

    @pytest.mark.once
    def test_are_words_about_the_goods(self, stripe: StandIn, ada: Shopper, mouse: Product):
        Product.objects.update(description=f"# Small\n\n- and <b>grey</b>\n\n{'long ' * 99}")
        ada.buys()
        (line,) = told(stripe)["line_items"]
        words = line["price_data"]["product_data"]["description"]
        assert words.startswith("Small and <b>grey</b> long")
        assert len(words) == 200

    @pytest.mark.once
    def test_is_where_the_pictures_are(
        self, stripe: StandIn, ada: Shopper, mouse: Product, settings: Settings
    ):
        digests = [picture_of(mouse, colour).digest for colour in ("red", "blue")]
        settings.SITE_URL, settings.IS_PUBLIC = "https://shop.example", True
        ada.buys()
        (line,) = told(stripe)["line_items"]
        assert line["price_data"]["product_data"]["images"] == [
            f"https://shop.example/pictures/{digest}-1600.webp" for digest in digests
        ]

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("site", "is_public", "picture"),
        [
            ("", True, "red"),
            ("https://localhost:8000", False, "red"),
            ("http://shop.example", False, "red"),
            ("https://shop.example", True, ""),
        ],
    )
    def test_is_no_picture_that_stripe_cannot_load(
        self,
        stripe: StandIn,
        ada: Shopper,
        mouse: Product,
        settings: Settings,
        site: str,
        is_public: bool,
        picture: str,
    ):
        """Nor a drawing, which it takes none of."""
        Product.objects.update(picture="products/mouse.svg")
        if picture:
            picture_of(mouse, picture)
        settings.SITE_URL, settings.IS_PUBLIC = site, is_public
        ada.buys()
        assert "images" not in told(stripe)["line_items"][0]["price_data"]["product_data"]

    @pytest.mark.once
    def test_is_of_the_family_where_a_variant_has_none(
        self, stripe: StandIn, ada: Shopper, mouse: Product, settings: Settings
    ):
        settings.TAX = "exclusive"
        small = Product.objects.create(
            name="Mouse", variant="S", variant_of=mouse, price_cents=1_000
        )
        Product.objects.filter(pk=mouse.pk).update(description="Grey.", tax_code="txcd_20030000")
        ada.buys_by_json({"items": [{"product_id": small.pk, "quantity": 1}]})
        product = told(stripe)["line_items"][0]["price_data"]["product_data"]
        assert (product["description"], product["tax_code"]) == ("Grey.", "txcd_20030000")

    def test_may_change_before_it_is_asked_again(self, stripe: StandIn, ada: Shopper):
        stripe.fault("POST", CREATE, drop=True, after=True, times=3)
        ada.buys()
        stripe.clear_faults()
        Product.objects.update(description="Now with words.")
        assert "Please press Buy again" in ada.is_refused(ada.buys()).text
        assert leads_to_payment(ada.buys())

    def test_costs_one_query_more_where_pictures_are_shown(
        self, stripe: StandIn, ada: Shopper, bo: Shopper, mouse: Product, settings: Settings
    ):
        bo.puts(mouse, 1)
        Shop.this()
        queries = []
        for shopper, is_public in ((ada, False), (bo, True)):
            settings.SITE_URL, settings.IS_PUBLIC = "http://testserver", is_public
            with CaptureQueriesContext(connection) as seen:
                assert leads_to_payment(shopper.buys())
            queries.append(len(seen))
        assert queries[1] == queries[0] + 1


@pytest.mark.once
def test_the_ways_to_pay_are_those_that_stripes_library_knows():
    def words(kind: Any) -> set[str]:
        inside = typing.get_args(kind)
        is_list_of_words = typing.get_origin(kind) is typing.Literal
        return {*inside} if is_list_of_words else {w for part in inside for w in words(part)}

    known = SessionCreateParams.__annotations__["excluded_payment_method_types"]
    assert set(stripe_keys.PAYMENT_METHODS) == words(known)


class TestCodes:
    @pytest.fixture(autouse=True)
    def are_taken(self, settings: Settings) -> None:
        settings.PROMOTION_CODES = True

    def test_are_entered_on_stripes_page(self, stripe: StandIn, ada: Shopper):
        ada.buys()
        assert told(stripe)["allow_promotion_codes"] is True
        assert ada.order.offer == {"shipping": [], "codes": True, "tax": "off"}
        stripe.promotion_code("TEN", percent_off=10)
        stripe.pay(ada.order.session_id or "", code="TEN")
        deliver(*stripe.events_of("checkout.session.completed"))
        order = ada.order
        assert (order.status, order.discount_cents, order.total_cents) == ("PAID", 300, 2_699)


class TestTax:
    @pytest.fixture(autouse=True, params=["inclusive", "exclusive"])
    def is_on(self, request: pytest.FixtureRequest, settings: Settings) -> None:
        settings.TAX = request.param

    @pytest.mark.once
    def test_is_meant_the_same_for_goods_and_delivery(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate, settings: Settings
    ):
        Product.objects.update(tax_code="txcd_30011000")
        ada.buys()
        price = told(stripe)["line_items"][0]["price_data"]
        delivery = told(stripe)["shipping_options"][0]["shipping_rate_data"]
        assert told(stripe)["automatic_tax"] == {"enabled": True}
        assert price["product_data"]["tax_code"] == "txcd_30011000"
        assert delivery["tax_code"] == "txcd_92010001"
        assert price["tax_behavior"] == delivery["tax_behavior"] == settings.TAX

    def test_that_arrives_fits(
        self, stripe: StandIn, ada: Shopper, parcel: ShippingRate, settings: Settings
    ):
        ada.buys()
        stripe.pay(ada.order.session_id or "")
        deliver(*stripe.events_of("checkout.session.completed"))
        order = ada.order
        on_top = order.tax_cents if settings.TAX == "exclusive" else 0
        assert (order.status, order.total_cents) == ("PAID", 3_489 + on_top)
        assert order.tax_cents > 0

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("lack", "todo"),
        [
            ("no_head_office", "set the head office's address at https://dashboard.stripe.com/"),
            ("not_activated", "activate Stripe Tax at https://dashboard.stripe.com/"),
        ],
    )
    def test_that_stripe_cannot_work_out_stops_the_sale(
        self,
        stripe: StandIn,
        ada: Shopper,
        caplog: pytest.LogCaptureFixture,
        lack: str,
        todo: str,
    ):
        stripe.configure(tax=lack)
        page = ada.is_refused(ada.buys()).text
        assert "The shop can’t take orders at the moment. You were not charged" in page
        assert "Please tell the shop" in page
        assert todo in caplog.text
        assert "or TAX=off" in caplog.text
        assert (stripe.sessions, ada.cart) == ({}, {"Mouse": 1})
        stripe.configure()
        assert leads_to_payment(ada.buys())

    @pytest.mark.once
    def test_that_is_missing_is_a_failure_to_json(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        stripe.configure(tax="not_activated")
        answer = ada.buys_by_json({"items": [{"product_id": mouse.pk, "quantity": 1}]})
        assert (answer.status_code, "can’t take orders" in answer.json()["error"]) == (502, True)
