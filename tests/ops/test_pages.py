"""Every page: a token for each shopper's own forms, and no script but htmx."""

import gzip
import re

import pytest
from django.test import Client
from pytest_django import Settings

from storefront.models import Product
from tests.cast import Shopper, poll_url
from tools.stripe_stand_in import StandIn

pytestmark = [pytest.mark.django_db, pytest.mark.once]

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
TOKEN = re.compile(r'value="\w{64}"')


@pytest.mark.parametrize("path", ["/", "/orders/", "/nowhere/"])
def test_a_page_loads_no_script_but_htmx(ada: Shopper, path: str):
    text = ada.get(path).text
    assert text.count("<script") == 1
    assert '/static/django_htmx/htmx-2.min.js" defer></script>' in text
    assert " style=" not in text
    assert "<style" not in text


class TestACompressedAnswer:
    @pytest.mark.parametrize("path", ["/", "/products/mouse/", "/orders/", "/nowhere/"])
    def test_is_the_same_in_fewer_bytes(self, ada: Shopper, mouse: Product, path: str):
        plain, packed = ada.get(path), ada.get(path, **GZIP)
        assert packed["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in plain["Vary"]
        assert "Accept-Encoding" in packed["Vary"]
        assert len(packed.content) == int(packed["Content-Length"]) < len(plain.content)
        text = gzip.decompress(packed.content).decode()
        assert TOKEN.sub("", text) == TOKEN.sub("", plain.text)

    def test_may_be_a_part(self, ada: Shopper, mouse: Product):
        headers = {"HX-Request": "true", **GZIP}
        answer = ada.browser.post(f"/cart/{mouse.pk}/", {"quantity": 1}, headers=headers)
        assert b"$29.99" in gzip.decompress(answer.content)

    def test_has_a_length_that_tells_nothing(self, ada: Shopper, mouse: Product):
        assert len({len(ada.get("/", **GZIP).content) for _ in range(9)}) > 1

    @pytest.mark.parametrize(
        "path", ["/healthz", "/readyz", "/metrics", "/brand.css", "/static/storefront.css"]
    )
    def test_is_none_that_gains_nothing_by_it(self, ada: Shopper, path: str, settings: Settings):
        settings.METRICS_TOKEN = "token-of-the-tests"
        answer = ada.get(path, Authorization="Bearer token-of-the-tests", **GZIP)
        answer.close()
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer

    def test_is_none_of_no_content(self, ada: Shopper, mouse: Product, stripe: StandIn):
        ada.puts(mouse, 1)
        ada.buys()
        address = poll_url(ada.get("/"))
        answer = ada.get(address, **{"HX-Request": "true"}, **GZIP)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "Content-Encoding" not in answer


class TestTheTokenOfAForm:
    def test_is_the_shoppers_own_although_the_part_is_everybodys(self, mouse: Product):
        ada, bo = (Client(enforce_csrf_checks=True) for _ in range(2))
        tokens = [token_on(browser) for browser in (ada, bo, ada)]
        assert len({*tokens}) == 3
        for browser, token, status in ((ada, tokens[0], 303), (bo, tokens[0], 403)):
            form = {"quantity": 1, "csrfmiddlewaretoken": token}
            assert browser.post(f"/cart/{mouse.pk}/", form).status_code == status

    def test_is_not_asked_for_where_there_is_no_form(self, ada: Shopper):
        assert "csrftoken" not in ada.get("/orders/").cookies


def token_on(browser: Client) -> str:
    page = browser.get("/").content.decode()
    tokens: set[str] = {*re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)}
    assert len(tokens) == 1
    return tokens.pop()
