"""What a large shelf costs a shopper: the same pages of shops of three sizes, by turns."""

import statistics
import time
from contextlib import ExitStack
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.test import Client

from storefront.models import Category, Product
from storefront.ops.templatetags import fragment_cache
from storefront.shelf import PAGE_SIZE, ProductsInCategories, whole_shelf
from tools.growth.fill import let_the_planner_know
from tools.growth.routes import TimedShop, opened
from tools.http_shopper import CSRF_TOKEN
from tools.shop_process import ShopProcess, new_database

SMALLEST, LARGEST = 24, 10_000
ROUNDS = 120
WARM_UP = 20
CATEGORIES, LOOKED_AT = 10, 3
KINDS = ("Mug", "Café au lait bowl", "Plate", "Teapot", "Lamp", "Straße map", "Notebook")
WORDS = "Made by hand, one at a time, of what grows around here. Good company for long evenings. "
SEARCHES = {"one word": "cafe", "two words": "strasse 77", "no such word": "zzzz", "all": "o"}


def compare_sizes(rounds: int = ROUNDS, largest: int = LARGEST) -> str:
    """Compare a small shelf with a tenth of the largest, and with the largest."""
    warm_up = min(WARM_UP, rounds)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        timed = {}
        for size in sorted({SMALLEST, largest // 10, largest}):
            place = Path(folder, str(size))
            place.mkdir()
            shop = ShopProcess(stack.enter_context(new_database(place)))
            shop.prepare()
            fill = f"from tools.growth.shelf import fill_shelf; fill_shelf({size})"
            shop.runs(fill)
            timed[size] = opened(shop, stack)
        for number in range(warm_up + rounds):
            if number == warm_up:
                for one in timed.values():
                    one.seconds.clear()
            for one in list(timed.values())[:: 1 if number % 2 else -1]:
                look_around(one)
        search = "from tools.growth.shelf import time_searches; print(time_searches())"
        return f"{table(timed)}\n\n{timed[largest].shop.runs(search)}"


def fill_shelf(size: int) -> None:
    """Put products on sale, spread over categories; descriptions are of 180 to 440 letters."""
    names = [f"Category {number}" for number in range(CATEGORIES)]
    categories = [Category.objects.create(name=name) for name in names]
    seeds = Product.objects.all()
    ProductsInCategories.objects.bulk_create(
        ProductsInCategories(product=one, category=categories[LOOKED_AT]) for one in seeds
    )
    for numbers in batched(range(Product.objects.count(), size), 1_000):
        made = Product.objects.bulk_create(
            Product(
                name=f"{KINDS[number % len(KINDS)]} {number}",
                slug=f"thing-{number}",
                description=WORDS * (2 + number % 4),
                price_cents=2_999,
                position=number % 500,
            )
            for number in numbers
        )
        ProductsInCategories.objects.bulk_create(
            ProductsInCategories(product=one, category=categories[_category_of(number)])
            for number, one in zip(numbers, made, strict=True)
        )
    let_the_planner_know()


def _category_of(number: int) -> int:
    """Fill a page of one category first, so that it shows as many products in each shop."""
    return LOOKED_AT if number < PAGE_SIZE else number % CATEGORIES


def look_around(timed: TimedShop) -> None:
    """A new visitor, who then puts three products into the cart."""
    timed.a_new_shopper()
    timed.get("home, a new visitor", "/")
    timed.get("category", f"/c/category-{LOOKED_AT}/")
    timed.shopper.cookies["csrftoken"] = CSRF_TOKEN
    for product in (1, 5, 9):
        timed.post("(lines)", f"/cart/{product}/", "quantity=2")
    timed.post("cart update", "/cart/1/", "quantity=1")
    timed.get("home, 3 lines", "/")
    timed.get("category, 3 lines", f"/c/category-{LOOKED_AT}/")
    timed.get("cart page", "/cart/")
    timed.get("product page", "/products/thing-9/")


def table(timed: dict[int, TimedShop]) -> str:
    sizes = [f"{size:,}" for size in timed]
    lines = [f"| page | {', '.join(sizes)} products, ms | ratios |", "| --- | ---: | ---: |"]
    for route in sorted(name for name in timed[SMALLEST].seconds if not name.startswith("(")):
        medians = [1_000 * statistics.median(shop.seconds[route]) for shop in timed.values()]
        times = ", ".join(f"{median:.2f}" for median in medians)
        ratios = ", ".join(f"{median / medians[0]:.2f}" for median in medians[1:])
        lines.append(f"| {route} | {times} | {ratios} |")
    return "\n".join(lines)


def time_searches() -> str:
    """What a search asks of the database, its count included, in this process."""
    lines = ["| search | found | median, ms |", "| --- | ---: | ---: |"]
    for what, query in SEARCHES.items():
        seconds = []
        for _ in range(30):
            began = time.perf_counter()
            found = whole_shelf({"q": query}).found
            seconds.append(time.perf_counter() - began)
        lines.append(f"| {what} | {found} | {1_000 * statistics.median(seconds):.1f} |")
    return "\n".join([*lines, "", fragments_of_a_walk()])


class Counted(dict[Any, Any]):
    """Fragments that say how often one of them was there."""

    asked = hits = most = 0

    def get(self, key: Any, default: Any = None) -> Any:
        found = super().get(key, default)
        self.asked, self.hits = self.asked + 1, self.hits + (found is not default)
        self.most = max(self.most, len(self))
        return found


def fragments_of_a_walk() -> str:
    """Look at all pages of the shelf, one after the other, between looks at its first ones."""
    settings.ALLOWED_HOSTS, settings.SITE_URL = ["testserver"], "http://testserver"
    visitor, seen = Client(), Counted()
    fragment_cache.fragments = seen
    for page in range(1, Product.objects.on_shelf().count() // PAGE_SIZE + 1):
        for path in ("/", f"/c/category-{LOOKED_AT}/", f"/?page={page}"):
            assert visitor.get(path).status_code == 200, path
    letters = sum(map(len, seen.values())) / len(seen)
    return (
        f"Fragments: {seen.hits / seen.asked:.0%} of {seen.asked:,} were there already; at most "
        f"{seen.most:,} are kept, of {letters:,.0f} letters on average."
    )
