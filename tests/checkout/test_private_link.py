"""A private link: one order for anyone who has the address, nothing more, until it is revoked."""

import re

import pytest
from django.conf import settings
from django.core.signing import Signer
from django.test import Client
from pytest_django import Settings

from checkout.models import Order
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about, poll_url


@pytest.fixture
def ada(ada: Shopper, mouse: Product) -> Shopper:
    """She has bought two mice in the demo."""
    ada.puts(mouse, 2)
    ada.buys()
    return ada


def makes_a_link(shopper: Shopper, order: Order | None = None) -> str:
    order = order or shopper.order
    shopper.browser.post(f"/orders/{order.pk}/link/")
    return link_on(shopper.get(f"/orders/{order.pk}/").text)


def link_on(text: str) -> str:
    found = re.search(r'value="http://testserver(/receipts/[^"]+)"', text)
    return found[1] if found else ""


def revokes(shopper: Shopper) -> None:
    shopper.browser.post(f"/orders/{shopper.order.pk}/link/revocation/")


class TestAPrivateLink:
    def test_shows_the_order_without_a_cookie(self, ada: Shopper):
        answer = Client().get(makes_a_link(ada))
        assert answer.status_code == 200
        assert f">Order {ada.order.reference}</h1>" in answer.text
        assert "What happens next" not in answer.text
        assert "Mouse" in answer.text
        assert "$59.98" in answer.text
        assert "Paid on" in answer.text

    def test_is_not_there_until_it_is_asked_for(self, ada: Shopper):
        text = ada.get(f"/orders/{ada.order.pk}/").text
        assert link_on(text) == ""
        assert "Make a private link" in text

    @pytest.mark.parametrize("kind", ["link", "link/revocation"])
    def test_leads_back_to_where_it_is_made_and_revoked(self, ada: Shopper, kind: str):
        page = f"/orders/{ada.order.pk}/"
        answer = ada.browser.post(f"{page}{kind}/")
        assert (answer.status_code, answer["Location"]) == (303, f"{page}#order-link")
        assert 'id="order-link"' in ada.get(page).text

    def test_is_one_for_two_clicks(self, ada: Shopper):
        assert makes_a_link(ada) == makes_a_link(ada)

    @pytest.mark.once
    def test_names_the_shops_own_address(self, ada: Shopper, settings: Settings):
        settings.SITE_URL = "http://testserver:8080"
        ada.browser.post(f"/orders/{ada.order.pk}/link/")
        assert 'value="http://testserver:8080/receipts/' in ada.get(f"/orders/{ada.order.pk}/").text

    @pytest.mark.once
    def test_can_be_sent_by_mail(self, ada: Shopper):
        link = makes_a_link(ada)
        quoted = f"http://testserver{link}".replace(":", "%3A").replace("/", "%2F")
        text = ada.get(f"/orders/{ada.order.pk}/").text
        assert f"&amp;body={quoted}" in text
        assert f"subject=Storefront%3A%20order%20{ada.order.reference}" in text

    @pytest.mark.once
    def test_by_htmx_is_made_and_revoked_in_place(self, ada: Shopper):
        headers = {"HX-Request": "true"}
        made = ada.browser.post(f"/orders/{ada.order.pk}/link/", headers=headers).text
        assert link_on(made)
        assert "autofocus" in made
        assert "<html" not in made
        path = f"/orders/{ada.order.pk}/link/revocation/"
        gone = ada.browser.post(path, headers=headers).text
        assert "Make a private link" in gone
        assert "autofocus" in gone
        assert "is revoked" in gone


@pytest.mark.once
class TestWhatItDoesNotShow:
    def test_no_address_of_the_shopper_and_nothing_to_press(self, ada: Shopper):
        Order.objects.update(email="ada@example.com", review_reason="looks odd")
        text = Client().get(makes_a_link(ada)).text
        assert "ada@example.com" not in text
        assert "looks odd" not in text
        assert "<form" not in text
        assert str(ada.order.pk) not in text.replace(f'data-order="{ada.order.pk}"', "")

    def test_no_way_to_pay_for_another_shopper(self, stripe: object, bo: Shopper, mouse: Product):
        bo.puts(mouse, 1)
        bo.buys()
        own = bo.get(f"/orders/{bo.order.pk}/").text
        assert bo.order.session_url in own
        text = Client().get(makes_a_link(bo)).text
        assert bo.order.session_url not in text
        assert "Continue to payment" not in text

    def test_no_cookie_is_given(self, ada: Shopper):
        visitor = Client()
        visitor.get(makes_a_link(ada))
        assert settings.SHOPPER_COOKIE_NAME not in visitor.cookies

    def test_no_other_site_and_no_search_engine_hears_of_it(self, ada: Shopper):
        answer = Client().get(makes_a_link(ada))
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Robots-Tag"] == "noindex"
        assert answer["Cache-Control"] == "no-store"

    def test_looking_changes_nothing(self, ada: Shopper):
        link = makes_a_link(ada)
        before = Order.objects.values().get()
        Client().get(link)
        Client().post(link)
        assert Order.objects.values().get() == before


class TestAnOrderThatWaits:
    def test_is_asked_about_at_its_own_address(self, stripe: object, bo: Shopper, mouse: Product):
        bo.puts(mouse, 1)
        bo.buys()
        link = makes_a_link(bo)
        visitor = Client(headers={"HX-Request": "true"})
        address = poll_url(Client().get(link))
        assert address.startswith(f"{link}?")
        assert visitor.get(address).status_code == 204
        deliver(event_about(bo.order))
        update = visitor.get(address).text
        assert 'data-status="PAID"' in update
        assert "Keep or share this order" not in update


class TestAnAddressThatShowsNothing:
    def test_is_a_revoked_one_and_stays_so(self, ada: Shopper):
        link = makes_a_link(ada)
        revokes(ada)
        assert Client().get(link).status_code == 404
        assert makes_a_link(ada) != link
        assert Client().get(link).status_code == 404

    def test_is_one_that_was_changed(self, ada: Shopper):
        link = makes_a_link(ada)
        for place in range(len("/receipts/"), len(link) - 1, 7):
            letter = "a" if link[place] != "a" else "b"
            changed = link[:place] + letter + link[place + 1 :]
            assert Client().get(changed).status_code == 404

    def test_is_one_without_a_signature(self, ada: Shopper):
        makes_a_link(ada)
        content = ada.order.pk.hex + ada.order.link_nonce
        assert Client().get(f"/receipts/{content}/").status_code == 404
        assert Client().get(f"/receipts/{content}.x/").status_code == 404

    def test_is_one_that_was_signed_for_something_else(self, ada: Shopper):
        makes_a_link(ada)
        token = Signer(salt="other", sep=".").sign(ada.order.pk.hex + ada.order.link_nonce)
        assert Client().get(f"/receipts/{token}/").status_code == 404

    @pytest.mark.parametrize("nonce", ["", "0" * 32])
    def test_is_one_of_an_order_without_a_link(self, ada: Shopper, nonce: str):
        token = Signer(salt="checkout.receipts", sep=".").sign(ada.order.pk.hex + nonce)
        assert Client().get(f"/receipts/{token}/").status_code == 404

    @pytest.mark.parametrize("token", ["x", "é", "%00", "a" * 5_000, ".", "a.b.c"])
    def test_is_any_other(self, db: None, token: str):
        assert Client().get(f"/receipts/{token}/").status_code == 404


class TestAStranger:
    def test_makes_no_link(self, ada: Shopper, bo: Shopper):
        answer = bo.browser.post(f"/orders/{ada.order.pk}/link/")
        assert answer.status_code == 404
        assert ada.order.link_nonce == ""

    def test_revokes_none(self, ada: Shopper, bo: Shopper):
        link = makes_a_link(ada)
        answer = bo.browser.post(f"/orders/{ada.order.pk}/link/revocation/")
        assert answer.status_code == 404
        assert Client().get(link).status_code == 200

    def test_needs_the_form_of_the_shop(self, ada: Shopper):
        browser = Client(enforce_csrf_checks=True)
        browser.cookies = ada.browser.cookies
        assert browser.post(f"/orders/{ada.order.pk}/link/").status_code == 403

    def test_does_neither_by_a_link(self, ada: Shopper):
        for path in ("link/", "link/revocation/"):
            assert ada.get(f"/orders/{ada.order.pk}/{path}").status_code == 405
