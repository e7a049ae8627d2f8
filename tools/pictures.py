"""python -m tools.pictures: take the README's pictures anew, of the shop that `make run` starts.

They have two points for each of the page's, so that they are sharp on every screen.
"""

import io
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

import tools.environment  # noqa: F401  (nothing of this machine's own gets in)
from tools import chromium
from tools.shop_process import PROJECT, ShopProcess

DOCS = PROJECT / "docs"
WINDOW: dict[str, Any] = {
    "device_scale_factor": 2,
    "color_scheme": "light",
    "reduced_motion": "reduce",
}
# What is another at each visit.
HOLD_STILL = """() => {
    for (const time of document.querySelectorAll("time"))
        time.textContent = "1 January 2027, 12:00";
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
        texts.currentNode.data =
            texts.currentNode.data.replace(/[A-Z2-7]{4}-[A-Z2-7]{4}/, "ABCD-EFGH");
}"""


def take(browser: Browser, shop: str) -> Iterator[tuple[str, Image.Image]]:
    """Buy twice in the demo shop at this address; give each picture with its name."""
    with browser.new_context(**WINDOW) as context:
        page = context.new_page()
        page.goto(shop)
        _put_into_cart(page, 1, "Keyboard")
        _buy(page)
        page.goto(shop)
        _put_into_cart(page, 1, "Laptop")
        _put_into_cart(page, 2, "Mouse")
        yield "home", _in_a_window(page, 1280, 832)
        yield "phone", _in_a_window(page, 360, 720)
        _buy(page)
        page.get_by_role("link", name=re.compile("^Order ")).first.click()
        expect(page.locator(".receipt")).to_be_visible()
        yield "receipt", _in_a_window(page, 640, 690)


def _put_into_cart(page: Page, quantity: int, product: str) -> None:
    field = page.get_by_label(f"Quantity of {product}")
    field.fill(str(quantity))
    field.press("Tab")
    expect(page.locator("#cart")).to_contain_text(product)


def _buy(page: Page) -> None:
    page.locator("form[action='/create-checkout-session/']").get_by_role("button").click()
    expect(page.locator("#my-orders [data-order]").first).to_have_attribute("data-status", "PAID")


def _in_a_window(page: Page, width: int, height: int) -> Image.Image:
    """Picture the page in a new window: nothing has the focus there, and nothing was scrolled."""
    cookies, browser = page.context.storage_state(), page.context.browser
    assert browser
    size: ViewportSize = {"width": width, "height": height}
    with browser.new_context(viewport=size, storage_state=cookies, **WINDOW) as context:
        window = context.new_page()
        window.goto(page.url)
        window.evaluate(HOLD_STILL)
        shot = window.screenshot(animations="disabled")
    with Image.open(io.BytesIO(shot)) as picture:
        # No eye misses a colour, and the file is a fifth smaller.
        few_colours = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    return few_colours.convert("RGB")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        database = f"sqlite:///{folder}/shop.sqlite3"
        executable = next(chromium.candidates(playwright.chromium), None)
        browser = playwright.chromium.launch(**chromium.launch_options(executable))
        with ShopProcess(database, log=Path(folder) / "log").prepare() as shop:
            for name, picture in take(browser, shop.url):
                file = DOCS / f"{name}.webp"
                picture.save(file, lossless=True, quality=100, method=6)
                print(f"{file.name}: {picture.size}, {file.stat().st_size // 1024} KB")
        browser.close()


if __name__ == "__main__":
    main()
