"""Names in scripts that run from right to left stay among themselves, and so do the numbers."""

import re
from typing import Any

import pytest

from storefront.models import Product
from storefront.ops.bidi import isolated
from tests.cast import Shopper, deliver, event_about, product
from tools.stripe_stand_in import StandIn

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LAMP, BOWL = "מנורה 3", "وعاء 7"
TAG = re.compile(r"<(?!/?bdi>)[^>]+>")
# What is heard and not seen, or has a direction of its own.
ELSEWHERE = re.compile(
    r'<title>.*?</title>|Quantity of [^<]*|: put [^<]* back|(aria-hidden="true"|dir="auto")>[^<]*'
)
FOREIGN = re.compile(r"[\u0590-\u06ff]")


@pytest.fixture
def lamp() -> Product:
    return product(LAMP, 4_000, stock=99, description=f"{LAMP}: 12 W.")


@pytest.fixture
def bowl() -> Product:
    return product(BOWL, 900)


def loose_names(answer: Any) -> list[str]:
    """The lines of a page in which a name is kept apart by nothing."""
    words = TAG.sub("\n", ELSEWHERE.sub("<>", answer.text))
    for name in (LAMP, BOWL):
        words = words.replace(f"<bdi>{name}</bdi>", "").replace(isolated(name), "")
    return list(filter(FOREIGN.search, words.splitlines()))


class TestAName:
    def test_stands_apart_from_the_numbers_around_it(
        self, ada: Shopper, lamp: Product, bowl: Product, stripe: StandIn
    ):
        ada.puts(bowl, 3)
        answers = [ada.puts(lamp, 7, htmx=True), ada.puts(lamp, 0, htmx=True)]
        answers += [ada.puts(lamp, 7, htmx=True), ada.get("/")]
        ada.buys()
        deliver(event_about(ada.order))
        answers += [ada.get(f"/?order={ada.order.pk}"), ada.get("/orders/")]
        answers += [ada.get(ada.order.get_absolute_url())]
        assert all(LAMP in answer.text and BOWL in answer.text for answer in answers[3:])
        assert [loose_names(answer) for answer in answers] == [[]] * len(answers)

    def test_of_a_product_page_has_its_own_direction(self, ada: Shopper, lamp: Product):
        text = ada.get(lamp.get_absolute_url()).text
        assert re.search(rf'<h1[^>]* dir="auto"[^>]*>{LAMP}</h1>', text)
        assert f"<title>\u2068{LAMP}\u2069 ·" in text
        assert re.search(rf'<p dir="auto">{LAMP}: 12 W.</p>', text)

    def test_stands_apart_in_what_is_refused(self, ada: Shopper, lamp: Product, stripe: StandIn):
        ada.puts(lamp, 7)
        Product.objects.update(stock=5)
        assert f"Only 5 of \u2068{LAMP}\u2069 left." in ada.is_refused(ada.buys()).text
        Product.objects.update(is_on_sale=False)
        assert f"\u2068{LAMP}\u2069 is no longer for sale." in ada.is_refused(ada.buys()).text
        assert f"\u2068{LAMP}\u2069 is no longer" in ada.puts(lamp, 8, htmx=True).text

    @pytest.mark.parametrize("name", ["Mouse 3", "Gefäß", "茶碗", "Чаша", ""])
    def test_that_runs_as_the_page_does_is_left_alone(self, name: str):
        assert isolated(name) == name


def test_words_of_one_name_begin_on_its_own_side(ada: Shopper, lamp: Product):
    assert f'<p class="product-description" dir="auto">{LAMP}: 12 W.</p>' in ada.get("/").text
