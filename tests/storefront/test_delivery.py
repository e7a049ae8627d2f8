"""Delivery before Buy: the shopper chooses country and way, and the total says what it comes to."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries, Settings

from storefront.countries import countries
from storefront.delivery import SALT, Choice, Countries, quote
from storefront.models import Product, ShippingRate
from tests.cast import Shopper, product


def rate(
    name: str = "Parcel", countries: str = "DE", cents: int = 490, **fields: Any
) -> ShippingRate:
    fields = {"name": name, "countries": countries, "amount_cents": cents, **fields}
    rate: ShippingRate = ShippingRate.objects.create(**fields)
    return rate


@pytest.fixture
def parcel(db: None) -> ShippingRate:
    fields = {"free_from_cents": 6_000, "days_least": 2, "days_most": 4}
    return rate("Parcel", "DE AT", 490, **fields)


@pytest.fixture
def express(parcel: ShippingRate) -> ShippingRate:
    return rate("Express", "DE", 1_290, position=1)


@pytest.fixture
def world(parcel: ShippingRate) -> ShippingRate:
    return rate("Post", "*", 2_490, position=2)


@pytest.fixture
def ada(ada: Shopper, mouse: Product) -> Shopper:
    ada.puts(mouse, 1)
    return ada


def chooses(ada: Shopper, *, htmx: bool = False, **form: Any) -> Any:
    headers = {"HX-Request": "true"} if htmx else {}
    return ada.browser.post("/cart/delivery/", form, headers=headers)


def words(text: str) -> str:
    """What is read of a page, in one line."""
    return " ".join(strip_tags(re.sub("</t[hd]>", " ", text)).split())


def hidden(text: str) -> dict[str, str]:
    """What Buy sends beside what the shopper sees."""
    form = text.partition('action="/create-checkout-session/"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    return {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"}


def marked(text: str) -> list[str]:
    """The values that stand chosen: the country, and the way."""
    return re.findall(r'value="(\w+)" (?:selected|checked)', text)


class TestWithoutRates:
    @pytest.mark.parametrize("path", ["/", "/cart/", "/products/mouse/"])
    def test_nothing_is_said_of_delivery(self, ada: Shopper, path: str):
        text = ada.get(path).text
        assert "elivery" not in text
        assert hidden(text).keys() == {"back", "total_cents"}
        assert '<output id="cart-total">$29.99</output>' in text

    def test_a_choice_from_a_page_of_before_changes_nothing(self, ada: Shopper):
        answer = chooses(ada, htmx=True, country="DE", delivery=1)
        assert answer.status_code == 200
        assert 'innerHTML">Total $29.99.</p>' in answer.text
        assert settings.DELIVERY_COOKIE_NAME not in answer.cookies

    def test_a_rate_that_is_off_is_none(self, ada: Shopper, parcel: ShippingRate):
        ShippingRate.objects.update(is_on=False)
        assert "elivery" not in ada.get("/").text


@pytest.mark.parametrize("path", ["/", "/cart/", "/products/mouse/"])
class TestTheCart:
    def test_says_what_delivery_costs_and_adds_it_to_the_total(
        self, ada: Shopper, parcel: ShippingRate, path: str
    ):
        text = ada.get(path).text
        said = words(text)
        assert "Subtotal $29.99 Delivery to Germany $4.90" in said
        assert "Parcel, 2–4 working days. $30.01 more for free delivery" in said
        assert '<output id="cart-total">$34.89</output>' in text
        assert 'Cart (1) <span class="cart-link-sum">$34.89</span>' in text
        assert path == "/cart/" or "1 item <strong>$34.89</strong>" in text
        assert hidden(text) == {
            "back": f"{path}#cart",
            "total_cents": "3489",
            "country": "DE",
            "delivery": str(parcel.pk),
        }

    def test_has_no_control_where_there_is_no_choice(
        self, ada: Shopper, parcel: ShippingRate, path: str
    ):
        ShippingRate.objects.update(countries="DE")
        text = ada.get(path).text
        assert "Delivery to Germany $4.90" in words(text)
        assert ("<select" in text, 'type="radio"' in text) == (False, False)

    def test_lets_the_shopper_choose_country_and_way(
        self, ada: Shopper, express: ShippingRate, path: str
    ):
        text = ada.get(path).text
        assert re.findall(r"<option [^>]*>([^<]*)", text) == ["Germany", "Austria"]
        assert "Parcel 2–4 working days $4.90 Express $12.90" in words(text)
        assert marked(text) == ["DE", str(ShippingRate.objects.get(name="Parcel").pk)]

    def test_says_free_once_the_goods_come_to_enough(
        self, ada: Shopper, mouse: Product, parcel: ShippingRate, path: str
    ):
        ada.puts(mouse, 3)
        text = ada.get(path).text
        assert "Delivery to Germany free" in words(text)
        assert "more for free delivery" not in text
        assert "Parcel, 2–4 working days. Free from $60.00" in text.replace("</bdi>", "")
        assert '<output id="cart-total">$89.97</output>' in text


@pytest.mark.parametrize(("cents", "cost"), [(5_999, 490), (6_000, 0), (6_001, 0)])
def test_it_is_free_from_the_amount_that_the_merchant_says(
    parcel: ShippingRate, cents: int, cost: int
):
    delivery = quote(cents)
    assert delivery
    assert (delivery.cents, delivery.cents_to_free) == (cost, 6_000 - cents if cost else 0)


def test_a_country_of_its_own_rates_has_no_others(parcel: ShippingRate, world: ShippingRate):
    german, swiss = quote(0, Choice("DE")), quote(0, Choice("CH"))
    assert german
    assert swiss
    assert [way.rate for way in german.ways] == [parcel]
    assert [way.rate for way in swiss.ways] == [world]


class TestWhatNeedsNoDelivery:
    @pytest.fixture(autouse=True)
    def voucher(self, ada: Shopper, mouse: Product, parcel: ShippingRate) -> Product:
        ada.puts(mouse, 0)
        voucher = product("Voucher", 2_500, needs_shipping=False)
        ada.puts(voucher, 1)
        return voucher

    @pytest.mark.parametrize("path", ["/", "/cart/", "/products/voucher/"])
    def test_asks_for_none(self, ada: Shopper, path: str):
        text = ada.get(path).text
        assert "elivery" not in text
        assert '<output id="cart-total">$25.00</output>' in text

    def test_takes_a_choice_for_later_and_refuses_what_is_none(self, ada: Shopper):
        answer = chooses(ada, htmx=True, country="AT")
        assert 'innerHTML">Total $25.00.</p>' in answer.text
        answer = chooses(ada, htmx=True, country="CH")
        assert (answer.status_code, answer.text.count('role="alert"')) == (422, 1)
        assert "We don’t ship to Switzerland" in answer.text

    def test_counts_among_the_goods_beside_what_does(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        assert "$5.01 more for free delivery" in ada.get("/").text

    def test_reads_no_rates(
        self, ada: Shopper, voucher: Product, django_assert_num_queries: DjangoAssertNumQueries
    ):
        with django_assert_num_queries(6):
            ada.get("/products/voucher/")

    def test_is_all_that_is_left_once_the_rest_is_no_longer_sold(
        self, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        Product.objects.filter(pk=mouse.pk).update(is_on_sale=False)
        assert '<output id="cart-total">$25.00</output>' in ada.get("/").text


class TestChoosing:
    def test_a_country_changes_ways_sums_and_the_header(
        self, ada: Shopper, world: ShippingRate, express: ShippingRate
    ):
        answer = chooses(ada, htmx=True, country="CH")
        assert answer.status_code == 200
        assert "Delivery to Switzerland $24.90. Total $54.89." in answer.text
        assert '<section id="cart" class="cart"' in answer.text
        assert 'Cart (1) <span class="cart-link-sum">$54.89</span>' in answer.text
        sent = hidden(answer.text)
        assert (sent["country"], sent["delivery"]) == ("CH", str(world.pk))
        assert "<html" not in answer.text

    def test_a_way_changes_the_total(self, ada: Shopper, express: ShippingRate):
        answer = chooses(ada, htmx=True, country="DE", delivery=express.pk)
        assert "Delivery to Germany $12.90. Total $42.89." in answer.text
        assert str(express.pk) in marked(answer.text)

    def test_a_way_alone_is_for_the_country_that_is_shown(
        self, ada: Shopper, express: ShippingRate
    ):
        assert "Total $42.89." in chooses(ada, htmx=True, delivery=express.pk).text
        chooses(ada, country="AT")
        assert chooses(ada, htmx=True, delivery=express.pk).status_code == 422

    def test_is_remembered_for_a_year_and_on_each_page(
        self, ada: Shopper, express: ShippingRate, settings: Settings
    ):
        settings.SESSION_COOKIE_SECURE = True
        answer = chooses(ada, country="DE", delivery=express.pk)
        cookie = answer.cookies[settings.DELIVERY_COOKIE_NAME]
        assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
        assert cookie["max-age"] == 365 * 24 * 3600
        for path in ("/", "/cart/", "/products/mouse/"):
            assert '<output id="cart-total">$42.89</output>' in ada.get(path).text

    def test_another_country_keeps_the_way_that_leads_there_too(self, ada: Shopper, mouse: Product):
        rate("Letter", "DE AT CH", 250)
        parcel = rate("Parcel", "DE AT", 490, position=1)
        chooses(ada, country="DE", delivery=parcel.pk)
        assert "Austria $4.90" in chooses(ada, htmx=True, country="AT").text
        assert "Switzerland $2.50" in chooses(ada, htmx=True, country="CH").text

    def test_works_before_there_is_a_cart(self, bo: Shopper, mouse: Product, world: ShippingRate):
        chooses(bo, country="CH")
        assert "Delivery to Switzerland from $24.90" in bo.get("/products/mouse/").text
        bo.puts(mouse, 1)
        assert "Delivery to Switzerland $24.90" in words(bo.get("/").text)

    @pytest.mark.parametrize(
        ("back", "place"),
        [
            ("/#cart", "/#delivery"),
            ("/cart/#cart", "/cart/#delivery"),
            ("/products/mouse/#cart", "/products/mouse/#delivery"),
            ("https://evil.example/", "/#delivery"),
        ],
    )
    def test_without_scripts_leads_back_to_the_form(
        self, ada: Shopper, parcel: ShippingRate, back: str, place: str
    ):
        answer = chooses(ada, country="AT", back=back)
        assert (answer.status_code, answer["Location"]) == (303, place)

    def test_renews_the_cart_page_with_what_stands_in_its_fields(
        self, ada: Shopper, mouse: Product, express: ShippingRate
    ):
        answer = chooses(ada, htmx=True, country="AT", back="/cart/#cart")
        assert 'class="cart-page"' in answer.text
        assert f'hx-swap-oob="outerHTML:#quantity-{mouse.pk}' in answer.text

    def test_renews_the_words_of_a_products_page(
        self, ada: Shopper, mouse: Product, world: ShippingRate
    ):
        answer = chooses(ada, htmx=True, country="CH", back="/products/mouse/#cart")
        assert "Delivery to Switzerland from $24.90" in words(answer.text)
        assert 'hx-swap-oob="outerHTML:#product-delivery' in answer.text
        assert "product-delivery" not in chooses(ada, htmx=True, country="CH", back="/").text

    def test_needs_a_form_of_the_shop(self, parcel: ShippingRate):
        stranger = Client(enforce_csrf_checks=True)
        assert stranger.post("/cart/delivery/", {"country": "AT"}).status_code == 403
        assert stranger.get("/cart/delivery/").status_code == 405


REFUSED = [
    ({"country": "CH"}, "We don’t ship to Switzerland. Choose another country."),
    ({"country": "KP"}, "We don’t ship to KP. Choose another country."),
    ({"country": "<b>"}, "We don’t ship to &lt;B&gt;. Choose another country."),
    ({"country": "9" * 5_000}, "We don’t ship to 99999999999999999999. Choose another country."),
    ({"country": "AT", "delivery": "EXPRESS"}, "This delivery is not possible to Austria."),
    ({"country": "DE", "delivery": "999"}, "This delivery is not possible to Germany."),
    ({"delivery": "-1"}, "This delivery is not possible to Germany."),
    ({"delivery": "many"}, "This delivery is not possible to Germany."),
    ({"delivery": "9" * 5_000}, "This delivery is not possible to Germany."),
    ({"delivery": "²"}, "This delivery is not possible to Germany."),
    ({"delivery": "0"}, "Please choose one of the ways of delivery."),
]


@pytest.mark.parametrize(("chosen", "said"), REFUSED)
class TestWhatIsRefused:
    @pytest.fixture
    def form(self, chosen: dict[str, str], express: ShippingRate) -> dict[str, str]:
        return {name: value.replace("EXPRESS", str(express.pk)) for name, value in chosen.items()}

    def test_by_htmx_is_said_above_the_choice_which_stays(
        self, ada: Shopper, form: dict[str, Any], said: str
    ):
        chooses(ada, country="DE")
        answer = chooses(ada, htmx=True, **form)
        assert answer.status_code == 422
        assert f'<p class="alert" role="alert">{said}' in answer.text
        assert '<output id="cart-total">$34.89</output>' in answer.text
        assert 'hx-swap-oob="innerHTML"></p>' in answer.text
        assert settings.DELIVERY_COOKIE_NAME not in answer.cookies

    def test_without_scripts_is_said_by_the_page_of_the_form(
        self, ada: Shopper, form: dict[str, Any], said: str
    ):
        page = ada.is_refused(chooses(ada, back="/cart/#cart", **form))
        assert f'<p class="alert" role="alert">{said}' in page.text
        assert said not in ada.get("/cart/").text


class TestARateThatIsGone:
    def test_gives_way_to_the_first_that_is_left(self, ada: Shopper, express: ShippingRate):
        chooses(ada, country="DE", delivery=express.pk)
        ShippingRate.objects.filter(pk=express.pk).update(is_on=False)
        assert '<output id="cart-total">$34.89</output>' in ada.get("/").text

    def test_takes_its_country_along(self, ada: Shopper, world: ShippingRate):
        chooses(ada, country="CH")
        world.delete()
        assert "Delivery to Germany $4.90" in words(ada.get("/").text)

    def test_is_refused_when_it_is_chosen(self, ada: Shopper, express: ShippingRate):
        ShippingRate.objects.filter(pk=express.pk).update(is_on=False)
        answer = chooses(ada, htmx=True, country="DE", delivery=express.pk)
        assert answer.status_code == 422


@pytest.mark.once
class TestTheCookie:
    @pytest.mark.parametrize("value", ["", "x", "x:y:z", "\x00", "a" * 5_000])
    def test_that_the_shop_did_not_write_says_nothing(
        self, ada: Shopper, world: ShippingRate, value: str
    ):
        ada.browser.cookies[settings.DELIVERY_COOKIE_NAME] = value
        assert "Delivery to Germany $4.90" in words(ada.get("/").text)

    @pytest.mark.parametrize(
        ("content", "salt"), [(["CH", 1], "another"), (["CH", 1, 2], SALT), (None, SALT)]
    )
    def test_of_another_kind_says_nothing(
        self, ada: Shopper, world: ShippingRate, content: object, salt: str
    ):
        cookie = signing.dumps(content, salt=salt)
        ada.browser.cookies[settings.DELIVERY_COOKIE_NAME] = cookie
        assert "Delivery to Germany $4.90" in words(ada.get("/").text)


class TestTheFirstCountry:
    """What stands chosen for who has chosen nothing."""

    @pytest.mark.parametrize(
        ("rates", "currency", "zone", "country"),
        [
            (["CH DE", "AT"], "usd", "UTC", "CH"),
            (["*"], "usd", "UTC", "US"),
            (["*"], "eur", "Europe/Vienna", "AT"),
            (["*"], "eur", "UTC", "AF"),
            (["*", "US"], "usd", "Europe/Vienna", "AT"),
            (["DE", "*"], "usd", "UTC", "DE"),
            (["XX", "AT"], "usd", "UTC", "AT"),
        ],
    )
    def test_is_that_of_the_first_rate(
        self, db: None, settings: Settings, rates: list[str], currency: str, zone: str, country: str
    ):
        settings.CURRENCY, settings.TIME_ZONE = currency, zone
        for position, codes in enumerate(rates):
            rate(countries=codes, position=position)
        delivery = quote(0)
        assert delivery
        assert delivery.country == country

    def test_is_none_where_no_rate_leads_anywhere(self, db: None):
        rate(countries="XX")
        assert quote(0, Choice("XX", 1)) is None

    def test_comes_first_among_all(self, db: None):
        rate(countries="AT DE")
        rate(countries="*", position=1)
        delivery = quote(0)
        assert delivery
        assert isinstance(delivery.countries, Countries)
        assert [*delivery.countries][:3] == ["AT", "DE", "AF"]
        assert len(delivery.countries) > 230


class TestAProductsPage:
    def said(self, ada: Shopper, slug: str = "mouse") -> str:
        text = str(ada.get(f"/products/{slug}/").text)
        return words(text.partition('id="product-delivery"')[2].partition("</p>")[0])

    @pytest.mark.once
    def test_says_what_delivery_costs_and_how_long_it_takes(
        self, bo: Shopper, mouse: Product, parcel: ShippingRate
    ):
        said = "Delivery to Germany from $4.90, free from $60.00. 2–4 working days."
        assert said in self.said(bo)

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("days", "said"),
        [
            ((1, 1), "1 working day"),
            ((3, None), "3 working days or more"),
            ((None, 5), "Up to 5 working days"),
            ((None, None), "$4.90."),
        ],
    )
    def test_says_the_days_as_far_as_they_are_known(
        self, bo: Shopper, mouse: Product, days: tuple[int | None, int | None], said: str
    ):
        rate(days_least=days[0], days_most=days[1])
        assert said in self.said(bo)

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("ways", "said"),
        [([1_290, 490], "from $4.90"), ([490, 0], "from $4.90"), ([0], "Free delivery to Germany")],
    )
    def test_names_the_cheapest_that_is_a_delivery(
        self, bo: Shopper, mouse: Product, ways: list[int], said: str
    ):
        for cents in ways:
            rate(cents=cents)
        assert said in self.said(bo)

    @pytest.mark.once
    def test_tells_search_engines_what_one_costs(
        self, bo: Shopper, mouse: Product, laptop: Product, parcel: ShippingRate
    ):
        for slug, amount in (("mouse", "4.90"), ("laptop", "0.00")):
            text = bo.get(f"/products/{slug}/").text.partition('itemprop="shippingDetails"')[2]
            assert f'<meta itemprop="value" content="{amount}">' in text
            assert '<meta itemprop="addressCountry" content="DE">' in text

    @pytest.mark.once
    def test_says_it_of_a_family_that_has_a_kind_to_send(self, bo: Shopper, parcel: ShippingRate):
        book = product("Book", needs_shipping=False)
        product("Book", variant_of=book, variant="file", needs_shipping=False)
        assert self.said(bo, "book") == ""
        product("Book", variant_of=book, variant="paper")
        assert "Delivery to Germany from $4.90" in self.said(bo, "book")

    def test_costs_one_query_more_and_none_for_what_is_not_sent(
        self, bo: Shopper, mouse: Product, parcel: ShippingRate, django_assert_num_queries: Any
    ):
        for needs_shipping, queries in ((False, 4), (True, 5)):
            Product.objects.update(needs_shipping=needs_shipping)
            with django_assert_num_queries(queries):
                bo.get("/products/mouse/")


@pytest.mark.once
class TestTaxAndCodes:
    @pytest.mark.parametrize(
        ("tax", "said"),
        [("exclusive", "plus tax, worked out at payment"), ("inclusive", "incl. tax"), ("off", "")],
    )
    @pytest.mark.parametrize("path", ["/", "/cart/"])
    def test_stand_beside_the_total(
        self, ada: Shopper, settings: Settings, path: str, tax: str, said: str
    ):
        settings.TAX = tax
        text = ada.get(path).text
        notes = re.findall(r'<span class="sum-note">([^<]+)</span>', text)
        assert notes == ([said] if said else [])

    def test_a_code_is_entered_at_payment(self, ada: Shopper, settings: Settings):
        assert "code at payment" not in ada.get("/cart/").text
        settings.PROMOTION_CODES = True
        assert "You can enter a code at payment" in ada.get("/cart/").text


class TestTheMerchant:
    """Rates are made on the desk, in a form that says what is wrong."""

    ADD = "/admin/storefront/shippingrate/add/"
    GOOD = {
        "name": "Parcel",
        "countries": "DE",
        "amount_cents": "4.90",
        "position": 0,
        "is_on": "on",
    }

    @pytest.fixture
    def merchant(self, db: None) -> Client:
        merchant = Client()
        merchant.force_login(
            User.objects.create(username="merchant", is_staff=True, is_superuser=True)
        )
        return merchant

    def saves(self, merchant: Client, **fields: Any) -> Any:
        return merchant.post(self.ADD, self.GOOD | fields)

    def test_makes_a_rate_that_shoppers_see(self, merchant: Client, ada: Shopper):
        assert self.saves(merchant).status_code == 302
        assert "Delivery to Germany $4.90" in words(ada.get("/").text)
        page = f"/admin/storefront/shippingrate/{ShippingRate.objects.get().pk}/change/"
        changed = {**self.GOOD, "amount_cents": "5,90", "free_from_cents": "", "days_most": 5}
        assert merchant.post(page, changed).status_code == 302
        said = words(ada.get("/").text)
        assert "Delivery to Germany $5.90" in said
        assert "Parcel, up to 5 working days" in said

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("written", "kept"),
        [
            ("de,at;CH", "DE AT CH"),
            ("Germany\r\nAustria\r\n- switzerland\r\n", "DE AT CH"),
            ("cote d'ivoire, Bosnia and Herzegovina, curacao", "CI BA CW"),
            ("UK, usa, Great Britain", "GB US"),
            ("DE de Germany DE", "DE"),
            ("Germany Austria", "DE AT"),
            (" * ", "*"),
            ("* *\r\n*", "*"),
        ],
    )
    def test_writes_countries_by_code_or_name(self, merchant: Client, written: str, kept: str):
        assert self.saves(merchant, countries=written).status_code == 302
        assert ShippingRate.objects.get().countries == kept

    @pytest.mark.once
    @pytest.mark.parametrize("written", [", ".join(countries().values()), "\n".join(countries())])
    def test_pastes_all_countries_at_once(self, merchant: Client, written: str):
        answer = self.saves(merchant, countries=f"{written.lower()}, ZZ")
        assert answer.status_code == 302
        assert ShippingRate.objects.get().countries == " ".join(countries())
        text = merchant.get("/admin/storefront/shippingrate/").text
        assert "Afghanistan, Åland Islands, Albania, Algeria and 233 more" in text

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"countries": "DE KP"}, "Stripe takes no address in North Korea (KP)."),
            ({"countries": "Cuba, Germoney"}, "in Cuba (CU), “Germoney”."),
            ({"countries": "EU"}, "Stripe takes no address in European Union (EU)."),
            ({"countries": "A B C D E F G"}, "“D”, “E” and 2 more."),
            ({"countries": "* DE"}, "Write * alone"),
            ({"countries": ""}, "This field is required."),
            ({"countries": " , ; "}, "Write at least one country"),
            ({"countries": "ZZ"}, "Write at least one country"),
            ({"name": ""}, "This field is required."),
            ({"name": " \u00a0"}, "This field is required."),
            ({"name": "x" * 61}, "at most 60 characters"),
            ({"amount_cents": ""}, "This field is required."),
            ({"amount_cents": "4.9.0"}, "“4.9.0” is no amount in USD"),
            ({"amount_cents": "-1"}, "“-1” is no amount in USD"),
            ({"amount_cents": "1,000,000"}, "more than $999,999.99"),
            ({"free_from_cents": 0}, "Leave it empty if it is never free"),
            ({"free_from_cents": "60.001"}, "can be read in two ways"),
            ({"free_from_cents": "1000000"}, "more than $999,999.99"),
            ({"days_least": 0}, "greater than or equal to 1"),
            ({"days_most": 366}, "less than or equal to 365"),
            ({"days_least": 4, "days_most": 2}, "It can’t be fewer days than at least."),
        ],
    )
    def test_reads_beside_the_field_what_is_wrong(
        self, merchant: Client, fields: dict[str, Any], said: str
    ):
        answer = self.saves(merchant, **fields)
        assert answer.status_code == 200
        assert answer.text.count('class="errorlist"') == 1
        assert said in answer.text
        assert not ShippingRate.objects.exists()

    @pytest.mark.once
    @pytest.mark.parametrize("field", ["amount_cents", "free_from_cents"])
    def test_reads_which_prices_stripe_takes(
        self, merchant: Client, settings: Settings, field: str
    ):
        settings.CURRENCY = "kwd"
        assert "steps of 0.010" in self.saves(merchant, **{field: "4.905"}).text

    @pytest.mark.once
    def test_sees_all_rates_in_words(
        self, merchant: Client, express: ShippingRate, world: ShippingRate
    ):
        said = words(merchant.get("/admin/storefront/shippingrate/").text)
        for word in ("Germany, Austria", "all that no other", "$4.90", "$60.00", "2–4 working"):
            assert word in said

    def test_may_give_a_country_more_ways_than_stripe_takes_at_once(
        self, merchant: Client, ada: Shopper
    ):
        for number in range(7):
            self.saves(merchant, name=f"Way {number}", amount_cents=f"1.0{number}")
        assert ada.get("/").text.count('type="radio"') == 7

    def test_says_what_is_not_sent(self, merchant: Client, mouse: Product):
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        text = merchant.get(page).text
        assert re.search(r'name="needs_shipping"[^>]* checked', text)
        form = {"name": "Mouse", "price_cents": "29.99", "position": 0, "tax_code": "txcd_10000000"}
        assert merchant.post(page, form).status_code == 302
        mouse.refresh_from_db()
        assert (mouse.needs_shipping, mouse.tax_code) == (False, "txcd_10000000")
        assert "txcd_99999999" in merchant.post(page, form | {"tax_code": "books"}).text

    def test_adds_a_kind_that_is_sent_if_the_product_is(self, merchant: Client, mouse: Product):
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        for needs_shipping in (True, False):
            Product.objects.update(needs_shipping=needs_shipping)
            row = re.search(r'name="variants-0-needs_shipping"[^>]*', merchant.get(page).text)
            assert row
            assert ("checked" in row[0]) == needs_shipping
