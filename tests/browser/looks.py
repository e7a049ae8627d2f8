"""Compares pages with how they looked, and read to a screen reader, when a person looked last.

Of each page `main` is compared, and the frame around it once, so that a change of the header or
the footer fails the tests of the frame alone.

`RETAKE=1 .venv/bin/python -m pytest tests/browser -k looks` takes pictures and outlines anew,
`python -m tools.pictures` those of the README. Look at what has changed before you commit it.
"""

import io
import os
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page

from tools.shop_process import PROJECT

HERE = Path(__file__).parent
OUTLINES, PICTURES = HERE / "outlines", HERE / "pictures"
SEEN = PROJECT / "test-results" / "pictures"
RETAKE = "RETAKE" in os.environ
HOW = "If it is meant: RETAKE=1 .venv/bin/python -m pytest tests/browser -k looks"

# The layout goes by the width alone and the colours by the scheme alone.
Scheme = Literal["dark", "light"]
SCREENS: list[tuple[int, Scheme]] = [(360, "dark"), (1280, "light")]

# How many times smaller a picture is kept, how many of its points may differ, and by how much
# of 255 one must to count. The same page again differs in five at most, a word in 150.
SMALLER, POINTS, VISIBLE = 2, 100, 32

# The browser in which pages are compared.
STILL: dict[str, Any] = {"reduced_motion": "reduce", "viewport": {"width": 1280, "height": 800}}

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ADDRESS = re.compile(r"(http|mailto):\S+")
# Lines break elsewhere in another font.
WIDTH_OF_WORDS = """() => {
    const words = document.createElement("span");
    words.textContent = "Thirteen inches, a quiet keyboard and a battery for the whole day.";
    words.style.cssText = "position: absolute; white-space: nowrap";
    document.body.append(words);
    const { width } = words.getBoundingClientRect();
    words.remove();
    return width;
}"""
WIDTH_IN_DEJAVU_SANS = 530.75


def reads_as_it_did(name: str, part: Locator) -> None:
    file = OUTLINES / f"{name}.yml"
    outline = outline_of(part)
    if RETAKE:
        file.write_text(outline)
    assert outline == file.read_text(), HOW


def outline_of(part: Locator) -> str:
    """The aria snapshot, without the addresses of one order."""
    return UUID.sub("ID", ADDRESS.sub(r"\1:…", part.aria_snapshot())) + "\n"


def looks_as_it_did(name: str, page: Page) -> None:
    only_in_the_font_of_the_pictures(page)
    files = [(PICTURES / f"{name}-{width}.webp", width, scheme) for width, scheme in SCREENS]
    changes = [change_since(file, picture_of(page, width, scheme)) for file, width, scheme in files]
    assert not any(changes), f"{changes}\n{HOW}"


def only_in_the_font_of_the_pictures(page: Page) -> None:
    width = page.evaluate(WIDTH_OF_WORDS)
    if abs(width - WIDTH_IN_DEJAVU_SANS) > 1:
        pytest.skip(f"The pictures are set in DejaVu Sans; this machine's font is not ({width}).")


def picture_of(page: Page, width: int, scheme: Scheme) -> Image.Image:
    """The whole page, small enough to keep, and blind to single points."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    shot = page.screenshot(full_page=True, animations="disabled")
    with Image.open(io.BytesIO(shot)) as picture:
        return picture.convert("RGB").reduce(SMALLER)


def change_since(file: Path, picture: Image.Image, *, keep: bool = RETAKE) -> str:
    """How the picture differs from the one that was kept; nothing if the eye sees no change."""
    if keep:
        picture.save(file, quality=75, method=6)
    with Image.open(file) as kept:
        before = kept.convert("RGB")
    if before.size != picture.size:
        change = f"{file.stem} measures {picture.size}, not {before.size}"
    else:
        differences = ImageChops.difference(before, picture).convert("L").histogram()
        points = sum(differences[VISIBLE:])
        change = f"{file.stem} differs in {points} points" if points > POINTS else ""
    if change:
        SEEN.mkdir(parents=True, exist_ok=True)
        picture.save(SEEN / f"{file.stem}.png")
        change += f"; see {SEEN / file.stem}.png"
    return change
