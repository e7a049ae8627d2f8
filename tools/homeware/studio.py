"""Photographs of things that a small shop for the home might sell, taken by Chromium.

Nobody's pictures are copied: they are still lifes, drawn, and each comes out the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tools import chromium
from tools.homeware.brush import DEFS, INK, MIDDLE, TABLE, VIEW, Tint, shape
from tools.homeware.things import BY_NAME, THINGS

WINDOW: ViewportSize = {"width": 1_200, "height": 900}
"""With two points for each of its own, photographs measure 2,400 by 1,800."""


class Photograph(NamedTuple):
    """What to draw, in which colours, and how much nearer than usual."""

    thing: str
    tint: Tint
    wall: Tint
    nearer: float = 1


def drawing(photograph: Photograph) -> str:
    """The page of a photograph: wall, table, what stands there, and the light over all of it."""
    wide, high = VIEW
    wall, table, thing = photograph.wall, Tint(0.74, 0.045, 72), BY_NAME[photograph.thing]
    across = THINGS[thing] / photograph.nearer
    view = f"{MIDDLE + 10 - across / 2} {1_090 - across * 0.68} {across} {across * 0.75}"
    dim = 0.28 if photograph.thing in ("candle", "lamp") else 0.0
    pane = "".join(f'<path d="M{left} -40h{210}l300 640h-210z"/>' for left in (250, 500))
    ground = (
        f'<rect width="{wide}" height="{TABLE + 20}" fill="{wall.by(-dim)}"/>'
        f'<rect width="{wide}" height="{TABLE}" filter="url(#plaster)" opacity=".4"/>'
        f'<g fill="url(#pane)" filter="url(#far)" opacity="{1 - 2.5 * dim}">{pane}</g>'
        + shape(f"M0 {TABLE - 70}H{wide}v90H0z", INK.by(0, 0.16), more='filter="url(#far)"')
        + shape(f"M0 {TABLE}H{wide}V{high}H0z", table.by(-dim * 0.8), "planks")
        + shape(f"M0 {TABLE - 2}H{wide}v7H0z", table.by(0.1 - dim), more='filter="url(#edge)"')
    )
    return (
        "<!doctype html><style>*{margin:0}svg{display:block;width:100vw;height:100vh}</style>"
        f'<svg viewBox="{view}" preserveAspectRatio="xMidYMid slice"><defs>{DEFS}</defs>{ground}'
        f"{thing(MIDDLE, 960, photograph.tint)}"
        f'<rect width="{wide}" height="{high}" fill="url(#light)"/>'
        f'<rect width="{wide}" height="{high}" filter="url(#grain)" opacity=".5"/></svg>'
    )


@contextmanager
def studio(points: float) -> Iterator[Page]:
    """Give the page that photographs are taken on."""
    with sync_playwright() as playwright:
        executable = next(chromium.candidates(playwright.chromium), None)
        with playwright.chromium.launch(**chromium.launch_options(executable)) as browser:
            page = browser.new_page(viewport=WINDOW, device_scale_factor=points)
            page.set_default_timeout(120_000)  # a busy machine takes its time
            yield page


def taken(page: Page, photograph: Photograph) -> bytes:
    """Return the JPEG file of a photograph."""
    page.set_content(drawing(photograph))
    return page.screenshot(type="jpeg", quality=90)
