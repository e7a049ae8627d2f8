"""The cart: absolute quantities, live totals, and nothing lost between two tabs."""

import pytest
from django.conf import settings
from django.test import Client

from storefront.models import CartLine, Product
from tests.cast import Shopper


class TestSettingAQuantity:
    def test_by_htmx_brings_the_changed_parts(self, ada: Shopper, mouse: Product):
        response = ada.puts(mouse, 2, htmx=True)
        assert response.status_code == 200
        assert '<section id="cart"' in response.text
        assert '<output id="cart-total">$59.98</output>' in response.text
        assert f'id="quantity-{mouse.pk}"' in response.text
        assert "Mouse: 2 in the cart. Total $59.98." in response.text
        assert "<html" not in response.text

    def test_without_scripts_leads_back_home(self, ada: Shopper, mouse: Product):
        response = ada.puts(mouse, 2)
        assert (response.status_code, response["Location"]) == (303, "/")
        assert '<output id="cart-total">$59.98</output>' in ada.get("/").text

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

    def test_costs_four_queries_and_one_more_to_offer_undo(
        self, ada: Shopper, mouse: Product, laptop: Product, django_assert_num_queries
    ):
        ada.puts(laptop, 1)
        for quantity, queries in ((1, 4), (2, 4), (0, 5)):
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
        " 3 ",
        "1_0",
        "+1",
        "\x00",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "\N{FULLWIDTH DIGIT ONE}",
    )

    @pytest.mark.parametrize("bad", BAD, ids=lambda bad: repr(bad)[:12])
    @pytest.mark.parametrize("htmx", [True, False])
    def test_is_refused_beside_the_field_and_changes_nothing(
        self, ada: Shopper, mouse: Product, bad: str, htmx: bool
    ):
        ada.puts(mouse, 2)
        response = ada.puts(mouse, bad, htmx=htmx)
        assert response.status_code == 422
        assert f'id="quantity-error-{mouse.pk}"' in response.text
        assert 'aria-invalid="true"' in response.text
        assert 'value="2"' in response.text
        assert ada.cart == {"Mouse": 2}

    def test_nor_is_a_missing_one(self, ada: Shopper, mouse: Product):
        assert ada.browser.post(f"/cart/{mouse.pk}/").status_code == 422

    def test_one_more_than_the_most_is_refused(self, ada: Shopper, mouse: Product):
        assert ada.puts(mouse, 999).status_code == 303
        assert ada.puts(mouse, 999, step="1").status_code == 422
        assert ada.cart == {"Mouse": 999}


class TestProductsOutOfReach:
    @pytest.mark.parametrize("pk", ["999", "0", "9" * 19, "9" * 400, "9" * 5_000])
    def test_an_unknown_one_is_not_found(self, ada: Shopper, pk: str):
        assert ada.browser.post(f"/cart/{pk}/", {"quantity": "1"}).status_code == 404

    def test_a_withdrawn_one_cannot_be_added(self, ada: Shopper, mouse: Product):
        Product.objects.update(is_on_sale=False)
        response = ada.puts(mouse, 1)
        assert response.status_code == 422
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
        assert ada.puts(mouse, 0)["Location"] == "/"
        text = ada.get("/").text
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
        assert ada.puts(mouse, 0)["Location"] == "/"

    def test_what_is_no_longer_sold_offers_nothing(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        Product.objects.update(is_on_sale=False)
        assert 'id="undo"' not in ada.puts(mouse, 0, htmx=True).text

    @pytest.mark.parametrize("value", ["1xx", "1x99", "1", "x1", "", f"1x{'9' * 30}"])
    def test_a_cookie_that_makes_no_sense_offers_nothing(self, ada: Shopper, value: str):
        ada.browser.cookies[settings.REMOVED_COOKIE_NAME] = value
        answer = ada.get("/")
        assert (answer.status_code, 'id="undo"' in answer.text) == (200, False)

    @pytest.mark.parametrize("quantity", ["0", "1000", "-1"])
    def test_no_quantity_that_a_cart_does_not_take(
        self, ada: Shopper, mouse: Product, quantity: str
    ):
        ada.browser.cookies[settings.REMOVED_COOKIE_NAME] = f"{quantity}x{mouse.pk}"
        assert 'id="undo"' not in ada.get("/").text

    @pytest.mark.parametrize(
        ("pressed", "is_focused"), [("remove-{}", True), ("quantity-of-{}", False)]
    )
    def test_moves_the_focus_to_undo_if_its_button_is_gone(
        self, ada: Shopper, mouse: Product, pressed: str, is_focused: bool
    ):
        ada.puts(mouse, 2)
        headers = {"HX-Request": "true", "HX-Trigger": pressed.format(mouse.pk)}
        path = f"/cart/{mouse.pk}/"
        answer = ada.browser.post(path, {"quantity": 0}, headers=headers)
        assert ("autofocus" in answer.text) == is_focused


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
