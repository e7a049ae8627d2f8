"""python -m tools.pictures: take the README's pictures anew, of a shop for the home in demo mode.

They have two points for each of the page's, so that they are sharp on every screen.
"""

import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

import tools.environment  # noqa: F401  (nothing of this machine's own gets in)
from tools import chromium
from tools.shop_process import PROJECT, ShopProcess

Scheme = Literal["light", "dark"]

DOCS = PROJECT / "docs"
SHOP: dict[str, Any] = {
    "SHOP_NAME": "Field & Clay",
    "SHOP_DESCRIPTION": "Things for the kitchen and the table, made by people we know.",
}
WINDOW: dict[str, Any] = {"device_scale_factor": 2, "reduced_motion": "reduce"}
# Those below the window come later, and may reach into it.
ALL_PICTURES = """() => Promise.all([...document.images].map(image => {
    image.loading = "eager";
    return image.decode();
}))"""
# What is another at each visit.
HOLD_STILL = """() => {
    for (const time of document.querySelectorAll("time"))
        time.textContent = "1 January 2027, 12:00";
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
        texts.currentNode.data =
            texts.currentNode.data
                .replace(/[A-Z2-7]{4}-[A-Z2-7]{4}/, "ABCD-EFGH")
                .replace(/\\d+ [A-Z][a-z]+ \\d{4}, \\d\\d:\\d\\d/, "1 January 2027, 12:00");
}"""
FILL = """
from storefront.models import Product
from tools.homeware.__main__ import WARES, fill
Product.objects.all().delete()
fill(len(WARES), {})
"""
PASSWORD = "known to the merchant alone"
TO_SEE_THE_DESK = f"""
from django.contrib.auth.models import User
from storefront.models import ShippingRate
User.objects.create_superuser("merchant", password="{PASSWORD}")
ShippingRate.objects.create(name="Parcel", countries="DE AT", amount_cents=490)
"""


@contextmanager
def shop_for_the_home(folder: Path, *, points: float, **environment: Any) -> Iterator[ShopProcess]:
    """Serve twelve products, with photographs that are so many times 1,200 points wide."""
    database = f"sqlite:///{folder}/shop.sqlite3"
    shop = ShopProcess(database, log=folder / "log", **SHOP, **environment).prepare()
    shop.runs(FILL.format(points))
    with shop:
        yield shop


def take(browser: Browser, shop: ShopProcess) -> Iterator[tuple[str, Image.Image]]:
    """Buy some in the shop, then look at the desk; give each picture with its name."""
    with browser.new_context(**WINDOW) as context:
        page = context.new_page()
        page.goto(shop.url)
        _put_into_cart(page, 1, "Vase")
        _buy(page)
        page.goto(shop.url)
        _put_into_cart(page, 1, "Teapot")
        _put_into_cart(page, 2, "Willow basket")
        yield "home", _in_a_window(page, 1280, 880)
        yield "phone", _in_a_window(page, 360, 960)
        page.goto(f"{shop.url}/products/stoneware-mug-sea/")
        yield "product", _in_a_window(page, 360, 960, "dark")
        page.goto(shop.url)
        _buy(page)
        page.get_by_role("link", name=re.compile("^Order ")).first.click()
        expect(page.locator(".receipt")).to_be_visible()
        yield "receipt", _in_a_window(page, 640, 960)
        shop.runs(TO_SEE_THE_DESK)
        shop.calls("reconcile_orders")  # or the desk would miss its worker
        page.goto(shop.url)
        _put_into_cart(page, 1, "Vase")
        _put_into_cart(page, 2, "Teapot")
        _buy(page)
        page.goto(f"{shop.url}/admin/")
        page.get_by_label("Username").fill("merchant")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("table").last.get_by_role("link").first.click()
        expect(page.get_by_role("heading", name=re.compile("^Order "))).to_be_visible()
        yield "desk", _in_a_window(page, 1280, 880)


def _put_into_cart(page: Page, quantity: int, product: str) -> None:
    field = page.get_by_label(f"Quantity of {product}")
    field.fill(str(quantity))
    field.press("Tab")
    expect(page.locator("#cart")).to_contain_text(product)


def _buy(page: Page) -> None:
    page.locator("form[action='/create-checkout-session/']").get_by_role("button").click()
    expect(page.locator("#my-orders [data-order]").first).to_have_attribute("data-status", "PAID")


def _in_a_window(page: Page, width: int, height: int, scheme: Scheme = "light") -> Image.Image:
    """Picture the page in a new window: nothing has the focus there, and nothing was scrolled."""
    cookies, browser = page.context.storage_state(), page.context.browser
    assert browser
    look: dict[str, Any] = {**WINDOW, "color_scheme": scheme}
    size: ViewportSize = {"width": width, "height": height}
    with browser.new_context(viewport=size, storage_state=cookies, **look) as context:
        window = context.new_page()
        window.goto(page.url)
        window.evaluate(HOLD_STILL)
        window.evaluate(ALL_PICTURES)
        shot = window.screenshot(animations="disabled")
    with Image.open(io.BytesIO(shot)) as picture:
        return picture.convert("RGB")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        executable = next(chromium.candidates(playwright.chromium), None)
        browser = playwright.chromium.launch(**chromium.launch_options(executable))
        with shop_for_the_home(Path(folder), points=2) as shop:
            for name, picture in take(browser, shop):
                file = DOCS / f"{name}.webp"
                picture.save(file, quality=80, method=6)
                print(f"{file.name}: {picture.size}, {file.stat().st_size // 1024} KB")
        browser.close()


if __name__ == "__main__":
    main()
