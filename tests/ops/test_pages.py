"""Every page: a token for each shopper's own forms, and no script but htmx."""

import re

import pytest
from django.test import Client

from storefront.models import Product
from tests.cast import Shopper

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.mark.parametrize("path", ["/", "/orders/", "/nowhere/"])
def test_a_page_loads_no_script_but_htmx(ada: Shopper, path: str):
    text = ada.get(path).text
    assert text.count("<script") == 1
    assert '/static/django_htmx/htmx-2.min.js" defer></script>' in text
    assert " style=" not in text
    assert "<style" not in text


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
