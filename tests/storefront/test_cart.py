"""The cart: absolute quantities, live totals, and nothing lost between two tabs."""

import re
import time
from typing import Any

import pytest
from django.conf import settings
from django.core import signing
from django.test import Client
from django.utils.html import escape

from storefront.models import CartLine, Product
from storefront.notices import SALT
from tests.cast import Shopper, product


def hidden_fields(response: Any, form: str) -> dict[str, str]:
    """Return what a form of the page sends without being asked."""
    text = response.text.partition(f'<form id="{form}"')[2].partition("</form>")[0]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))


class TestSettingAQuantity:
    def test_by_htmx_brings_the_changed_parts(self, ada: Shopper, mouse: Product):
        response = ada.puts(mouse, 2, htmx=True)
        assert response.status_code == 200
        assert '<section id="cart"' in response.text
        assert '<output id="cart-total">$59.98</output>' in response.text
        assert f'id="quantity-{mouse.pk}"' in response.text
        assert "Mouse: 2 in the cart. Total $59.98." in response.text
        assert "<html" not in response.text

    def test_without_scripts_leads_back_home_to_the_product(self, ada: Shopper, mouse: Product):
        response = ada.puts(mouse, 2)
        assert (response.status_code, response["Location"]) == (303, f"/#product-{mouse.pk}")
        text = ada.get("/").text
        assert f'<li id="product-{mouse.pk}"' in text
        assert '<output id="cart-total">$59.98</output>' in text

    def test_in_the_cart_without_scripts_leads_back_to_the_cart(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        back = hidden_fields(ada.get("/"), f"remove-{mouse.pk}")["back"]
        assert ada.puts(mouse, 0, back=back)["Location"] == "/#cart"

    def test_is_absolute(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 5)
        ada.puts(mouse, 2)
        ada.puts(mouse, 2)
        assert ada.cart == {"Mouse": 2}

    def test_to_zero_removes_the_line(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        ada.puts(mouse, 0)
        assert ada.cart == {}
        assert not CartLine.objects.exists()

    @pytest.mark.parametrize(("step", "left"), [("1", 3), ("-1", 1), ("7", 2), ("", 2)])
    def test_by_a_step_from_what_the_field_shows(
        self, ada: Shopper, mouse: Product, step: str, left: int
    ):
        ada.puts(mouse, 2, step=step)
        assert ada.cart == {"Mouse": left}

    def test_never_goes_below_nothing(self, ada: Shopper, mouse: Product):
        assert ada.puts(mouse, 0, step="-1").status_code == 303
        assert ada.cart == {}

    def test_in_one_tab_leaves_the_others_line_alone(
        self, ada: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(mouse, 2)
        ada.puts(laptop, 1)
        assert ada.cart == {"Mouse": 2, "Laptop": 1}

    def test_to_zero_leaves_a_strangers_line(self, ada: Shopper, bo: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        bo.puts(mouse, 5)
        ada.puts(mouse, 0)
        assert (ada.cart, bo.cart) == ({}, {"Mouse": 5})

    def test_by_a_link_is_refused(self, ada: Shopper, mouse: Product):
        assert ada.get(f"/cart/{mouse.pk}/?quantity=1").status_code == 405

    def test_is_for_this_shopper_alone(self, ada: Shopper, bo: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        bo.puts(mouse, 5)
        assert (ada.cart, bo.cart) == ({"Mouse": 2}, {"Mouse": 5})

    def test_costs_seven_queries_and_one_more_to_offer_undo(
        self, ada: Shopper, mouse: Product, laptop: Product, django_assert_num_queries
    ):
        ada.puts(laptop, 1)
        for quantity, queries in ((1, 7), (2, 7), (0, 8)):
            with django_assert_num_queries(queries):
                ada.puts(mouse, quantity, htmx=True)


class TestWhatIsNoQuantity:
    BAD = (
        "",
        " ",
        "-1",
        "1.0",
        "1e3",
        "abc",
        "1000",
        "9" * 400,
        "9" * 5_000,
        "2" + " " * 50 + "0",
        "1 0",
        "1_0",
        "+1",
        "+\uff11",
        "\uff12\uff0e\uff10",
        "\x00",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "\N{VULGAR FRACTION ONE HALF}",
        "2\N{SUPERSCRIPT TWO}",
    )

    @pytest.mark.parametrize("htmx", [True, False])
    def test_is_refused_beside_the_field_and_changes_nothing(
        self, ada: Shopper, mouse: Product, htmx: bool
    ):
        ada.puts(mouse, 2)
        for bad in self.BAD:
            response = ada.puts(mouse, bad, htmx=htmx)
            if htmx:
                assert response.status_code == 422, bad[:12]
            else:
                response = ada.is_refused(response)
            assert f'id="quantity-error-{mouse.pk}"' in response.text
            assert 'aria-invalid="true"' in response.text
            assert f'value="{escape(bad[:40].strip("\x00"))}"' in response.text
            assert ada.cart == {"Mouse": 2}

    def test_nor_is_a_missing_one(self, ada: Shopper, mouse: Product):
        answer = ada.browser.post(f"/cart/{mouse.pk}/")
        assert "Please enter a whole number" in ada.is_refused(answer).text

    @pytest.mark.parametrize("form", [{"quantity": "1000"}, {"quantity": "999", "step": "1"}])
    def test_more_than_the_most_is_refused_with_the_limit(
        self, ada: Shopper, mouse: Product, form: dict[str, str]
    ):
        ada.puts(mouse, 999)
        answer = ada.is_refused(ada.browser.post(f"/cart/{mouse.pk}/", form))
        assert "You can order up to 999 of one product." in answer.text
        assert f'value="{form["quantity"]}"' in answer.text
        assert ada.cart == {"Mouse": 999}

    def test_is_text_and_no_code_in_the_field(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, '"><script>x</script>')
        assert "<script>x" not in ada.get("/").text


@pytest.mark.once
class TestWhatKeyboardsMakeOfANumber:
    @pytest.mark.parametrize(
        "typed",
        [
            *["2 ", " 2", "2\u00a0", "\t2\r\n", "\uff12", "\uff12\u3000", "\u200e2", "\ufeff2"],
            *["\u20682\u2069", "00002"],
        ],
        ids=ascii,
    )
    def test_is_that_number(self, ada: Shopper, mouse: Product, typed: str):
        ada.puts(mouse, typed)
        assert ada.cart == {"Mouse": 2}


@pytest.mark.once
class TestARefusal:
    """Without scripts the page that the form stood on says it, so that Back meets no form."""

    def test_is_said_once(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, "many")
        first, second = ada.get("/").text, ada.get("/").text
        assert ("whole number" in first, "whole number" in second) == (True, False)
        assert 'value="0"' in second

    def test_is_said_on_no_other_page(self, ada: Shopper, mouse: Product, laptop: Product):
        ada.puts(mouse, "many", back=mouse.get_absolute_url())
        for path in ("/", laptop.get_absolute_url(), "/orders/"):
            assert "whole number" not in ada.get(path).text
        assert "whole number" in ada.get(mouse.get_absolute_url()).text

    def test_is_not_said_to_a_page_that_renews_itself(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, "many")
        headers = {"HX-Request": "true", "HX-Target": "main"}
        assert "whole number" not in ada.browser.get("/", headers=headers).text
        assert "whole number" in ada.get("/").text

    def test_is_not_said_once_another_form_succeeded(
        self, ada: Shopper, mouse: Product, laptop: Product
    ):
        """Two clicks: the second went well, and took the place of the first one's page."""
        for succeeds in (lambda: ada.puts(laptop, 1), ada.buys):
            ada.puts(mouse, "many")
            succeeds()
            assert "whole number" not in ada.get("/").text

    def test_is_not_said_a_minute_later(
        self, ada: Shopper, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        ada.puts(mouse, "many")
        later = time.time() + 61
        monkeypatch.setattr(time, "time", lambda: later)
        assert "whole number" not in ada.get("/").text

    def test_is_said_in_the_shops_own_words_alone(self, ada: Shopper, mouse: Product):
        forged = signing.dumps({"page": "/", "error": "Pay at evil.example"}, salt="another")
        for value in (
            forged,
            "",
            "x",
            "x:y:z",
            "\x00",
            "a" * 5_000,
            signing.dumps({"x": 1}, salt=SALT),
        ):
            ada.browser.cookies[settings.NOTICE_COOKIE_NAME] = value
            answer = ada.get("/")
            assert (answer.status_code, "alert" in answer.text.partition("<main")[2]) == (
                200,
                False,
            )

    def test_fits_into_a_cookie(self, ada: Shopper):
        lamp = product("\N{ELECTRIC LIGHT BULB}" * 120)
        answer = ada.puts(lamp, "\N{ELECTRIC LIGHT BULB}" * 50_000)
        assert len(answer.cookies[settings.NOTICE_COOKIE_NAME].output()) < 3_000
        Product.objects.update(is_on_sale=False)
        answer = ada.puts(lamp, 1)
        assert len(answer.cookies[settings.NOTICE_COOKIE_NAME].output()) < 3_000
        assert f"{lamp.name} is no longer for sale" in ada.is_refused(answer).text

    @pytest.mark.parametrize(
        "back", ["https://evil.example/", "//evil.example", "/admin/", "x\x00"]
    )
    def test_leads_to_no_other_place(self, ada: Shopper, mouse: Product, back: str):
        assert ada.puts(mouse, 1, back=back)["Location"] == f"/#product-{mouse.pk}"


class TestProductsOutOfReach:
    @pytest.mark.parametrize("pk", ["999", "0", "9" * 19, "9" * 400, "9" * 5_000])
    def test_an_unknown_one_is_not_found(self, ada: Shopper, pk: str):
        assert ada.browser.post(f"/cart/{pk}/", {"quantity": "1"}).status_code == 404

    def test_a_withdrawn_one_cannot_be_added(self, ada: Shopper, mouse: Product):
        Product.objects.update(is_on_sale=False)
        assert ada.puts(mouse, 1, htmx=True).status_code == 422
        response = ada.is_refused(ada.puts(mouse, 1))
        assert "no longer for sale" in response.text

    def test_a_withdrawn_one_stays_in_the_cart_until_removed(
        self, ada: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(mouse, 2)
        ada.puts(laptop, 1)
        Product.objects.filter(pk=mouse.pk).update(is_on_sale=False)
        text = ada.get("/").text
        assert "No longer for sale" in text
        assert '<output id="cart-total">$999.99</output>' in text
        assert ada.puts(mouse, 0, htmx=True).status_code == 200
        assert ada.cart == {"Laptop": 1}


@pytest.mark.once
class TestTheShoppersCookie:
    def test_is_not_set_on_a_first_look(self, ada: Shopper, mouse: Product):
        ada.get("/")
        assert settings.SHOPPER_COOKIE_NAME not in ada.browser.cookies

    def test_is_set_when_something_is_done(self, ada: Shopper, mouse: Product, settings):
        settings.SESSION_COOKIE_SECURE = True
        ada.puts(mouse, 1)
        cookie = ada.browser.cookies[settings.SHOPPER_COOKIE_NAME]
        assert cookie["httponly"]
        assert cookie["secure"]
        assert cookie["samesite"] == "Lax"
        assert int(cookie["max-age"]) >= 365 * 24 * 3600

    @pytest.mark.parametrize("forged", ["", "x", "x:y:z", "\x00", "a" * 5_000])
    def test_forged_is_a_new_shopper(self, ada: Shopper, mouse: Product, forged: str):
        ada.puts(mouse, 2)
        stranger = Client()
        stranger.cookies[settings.SHOPPER_COOKIE_NAME] = forged
        response = stranger.get("/")
        assert response.status_code == 200
        assert '<output id="cart-total">$0.00</output>' in response.text

    def test_needs_no_session_row(self, ada: Shopper, mouse: Product):
        from django.contrib.sessions.models import Session

        ada.puts(mouse, 1)
        ada.buys()
        assert not Session.objects.exists()

    def test_a_forgery_from_another_site_is_refused(self, ada: Shopper, mouse: Product):
        ada.browser.handler.enforce_csrf_checks = True
        assert ada.puts(mouse, 1).status_code == 403


@pytest.mark.once
class TestBuy:
    """The button and its form are always there, so that nothing moves; it may be disabled."""

    def button(self, ada: Shopper) -> str:
        form = str(ada.get("/").text).partition('action="/create-checkout-session/"')[2]
        return form.partition("<button")[2].partition("</button>")[0]

    def test_is_disabled_while_there_is_nothing_to_buy(self, ada: Shopper, mouse: Product):
        assert "disabled" in self.button(ada)
        ada.puts(mouse, 1)
        assert "disabled" not in self.button(ada)
        assert self.button(ada).endswith("$29.99")

    def test_is_disabled_while_nothing_in_it_is_still_sold(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        Product.objects.update(is_on_sale=False)
        assert "disabled" in self.button(ada)


@pytest.mark.once
class TestRemoving:
    def test_offers_to_put_it_back(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        answer = ada.puts(mouse, 0, htmx=True)
        assert 'id="undo"' in answer.text
        assert '<input type="hidden" name="quantity" value="2">' in answer.text
        assert "Mouse removed from the cart. Total $0.00." in answer.text

    def test_by_the_last_step_down_offers_it_too(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        assert 'id="undo"' in ada.puts(mouse, 1, htmx=True, step="-1").text

    def test_without_scripts_offers_it_after_the_redirect(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        text = ada.get(ada.puts(mouse, 0)["Location"]).text
        assert 'id="undo"' in text
        assert '<input type="hidden" name="quantity" value="2">' in text
        assert 'id="undo"' not in ada.get("/").text

    def test_offers_nothing_once_it_is_back(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        ada.puts(mouse, 0)
        ada.puts(mouse, 2)
        assert 'id="undo"' not in ada.get("/").text

    def test_what_was_not_there_offers_nothing(self, ada: Shopper, mouse: Product):
        assert 'id="undo"' not in ada.puts(mouse, 0, htmx=True).text
        assert 'id="undo"' not in ada.get(ada.puts(mouse, 0)["Location"]).text

    def test_what_is_no_longer_sold_offers_nothing(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        Product.objects.update(is_on_sale=False)
        assert 'id="undo"' not in ada.puts(mouse, 0, htmx=True).text

    def test_moves_the_focus_to_undo_if_its_button_had_it(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        button = f'<button id="removal-{mouse.pk}"'  # htmx goes by the id
        for answer in (ada.get("/"), ada.puts(mouse, 0, htmx=True), ada.puts(mouse, 2, htmx=True)):
            assert answer.text.count(button) == 1
            assert "autofocus" not in answer.text


@pytest.mark.once
class TestANewPrice:
    def test_stands_beside_the_line_before_buy(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        assert "New price" not in ada.get("/").text
        Product.objects.update(price_cents=3_499)
        assert "New price; it was $29.99" in ada.get("/").text

    def test_stays_there_when_the_quantity_changes(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        Product.objects.update(price_cents=3_499)
        assert "New price; it was $29.99" in ada.puts(mouse, 2, htmx=True).text

    def test_is_the_usual_one_for_a_product_put_in_again(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        Product.objects.update(price_cents=3_499)
        ada.puts(mouse, 0)
        assert "New price" not in ada.puts(mouse, 1, htmx=True).text

    def test_is_not_claimed_for_a_cart_from_before(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        CartLine.objects.update(price_cents_then=None)
        assert "New price" not in ada.get("/").text


class TestTheCartPage:
    def changes(self, ada: Shopper, product: Product, **form: object) -> Any:
        """Press in the stepper of a line, with htmx."""
        headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/cart/"}
        form = {"back": "/cart/", "shown": 2, **form}
        return ada.browser.post(f"/cart/{product.pk}/", form, headers=headers)

    @pytest.mark.once
    def test_shows_lines_with_steppers_the_sum_and_pay(
        self, ada: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(mouse, 2)
        text = ada.get("/cart/").text
        assert "$29.99 each" in text
        assert f'<form id="stepper-{mouse.pk}"' in text
        assert '<output id="cart-total">$59.98</output>' in text
        assert 'alt="Visa, Mastercard, Apple Pay, Google Pay, SEPA"' in text
        assert 'action="/create-checkout-session/"' in text
        assert "Laptop" not in text

    def test_is_read_by_as_many_queries_however_much_is_in_it(
        self, ada: Shopper, mouse: Product, laptop: Product, django_assert_num_queries
    ):
        for number in range(2):
            ada.puts((mouse, laptop)[number], 1)
            with django_assert_num_queries(7):
                ada.get("/cart/")

    def test_shows_the_newest_three_while_it_is_empty(self, ada: Shopper):
        for name in ("Oldest", "Old", "Newer", "Newest"):
            product(name)
        product("Sold", stock=0)
        text = ada.get("/cart/").text
        assert re.findall(r"<bdi>(\w+)</bdi></a></h3>", text) == ["Newest", "Newer", "Old"]

    @pytest.mark.once
    def test_is_renewed_as_itself_with_the_fields_of_the_other_lines(
        self, ada: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(mouse, 2)
        ada.puts(laptop, 1)
        text = self.changes(ada, mouse, quantity=2, step=1).text
        assert 'class="cart-page"' in text
        assert "Mouse: 3 in the cart. Total $1,089.96." in text
        for changed in (mouse, laptop):
            assert f'hx-swap-oob="outerHTML:#quantity-{changed.pk}' in text

    @pytest.mark.once
    def test_leads_the_focus_to_undo_when_a_stepper_took_its_line_away(
        self, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        answer = self.changes(ada, mouse, quantity=1, shown=1, step=-1)
        button = answer.text.partition(f'<button id="removal-{mouse.pk}"')[2].partition(">")[0]
        assert "autofocus" in button
        assert "See the products" in answer.text

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("form", "anchor"), [({"quantity": 3}, "#line-"), ({"quantity": "x"}, "#line-")]
    )
    def test_is_where_a_plain_form_leads_back_to(
        self, ada: Shopper, mouse: Product, form: dict[str, object], anchor: str
    ):
        ada.puts(mouse, 2)
        answer = ada.puts(mouse, form["quantity"], back="/cart/")
        assert answer["Location"] == f"/cart/{anchor}{mouse.pk}"
        assert ("Please enter a whole number" in ada.get("/cart/").text) == (
            form["quantity"] == "x"
        )

    @pytest.mark.once
    def test_offers_undo_without_scripts(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        assert ada.puts(mouse, 0, back="/cart/#cart")["Location"] == "/cart/#cart"
        assert hidden_fields(ada.get("/cart/"), "undo")["quantity"] == "2"

    @pytest.mark.once
    def test_says_why_a_purchase_was_refused(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        answer = ada.buys(back="/cart/#cart", total_cents=1)
        assert answer["Location"] == "/cart/"
        assert "The total has changed to $59.98" in ada.get("/cart/").text
        assert "The total has changed" not in ada.get("/cart/").text

    @pytest.mark.once
    def test_names_what_is_no_longer_sold(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        Product.objects.update(is_on_sale=False)
        text = ada.get("/cart/").text
        assert "No longer for sale" in text
        assert "stepper-" not in text
        assert "Remove Mouse from the cart" in text


@pytest.mark.once
class TestTheHeader:
    def test_says_what_is_in_the_cart_where_it_is_read(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        for path in ("/", "/products/mouse/", "/cart/"):
            text = ada.get(path).text
            assert 'Cart (2) <span class="cart-link-sum">$59.98</span></a>' in text
        for path in ("/orders/", "/nothing/"):
            assert 'href="/cart/">Cart</a>' in ada.get(path).text

    def test_is_kept_right_by_each_change(self, ada: Shopper, mouse: Product):
        link = 'href="/cart/" hx-swap-oob="true">Cart'
        assert (
            f'{link} (2) <span class="cart-link-sum">$59.98<' in ada.puts(mouse, 2, htmx=True).text
        )
        assert f"{link}</a>" in ada.puts(mouse, 0, htmx=True).text


@pytest.mark.once
class TestAddToCart:
    def test_is_a_button_of_the_form_that_holds_the_quantity(self, ada: Shopper, mouse: Product):
        text = ada.get("/").text.partition(f'<form id="stepper-{mouse.pk}"')[2]
        form = text.partition("</form>")[0]
        assert f'action="/cart/{mouse.pk}/"' in form
        assert re.search(r'type="text" name="quantity" value="0"', form)
        assert re.search(r'name="step" value="1"[^>]*><span class="stepper-add">Add to cart', form)
        assert ada.puts(mouse, 0, step="1").status_code == 303
        assert ada.cart == {"Mouse": 1}
