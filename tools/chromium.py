"""Which Chromium the browser tests use, and how it is started.

`python -m tools.chromium` prints the first one that really starts, or fails when none does.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserType, Error, sync_playwright

# A package of Debian's: it draws no windows, and takes half the time. It keeps no page for Back.
HEADLESS_SHELL = "chromium-headless-shell"
WHOLE = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

# No traffic of the browser's own, and for each site no more than one process.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--renderer-process-limit=1",
]


def candidates(chromium: BrowserType) -> Iterator[str]:
    """CHROMIUM if it is set, the headless shell, then whole browsers."""
    chosen = os.environ.get("CHROMIUM")
    if chosen and Path(chosen).exists():
        yield chosen
    if found := shutil.which(HEADLESS_SHELL):
        yield found
    yield from whole(chromium)


def whole(chromium: BrowserType) -> Iterator[str]:
    """Playwright's own, then those on PATH."""
    if Path(chromium.executable_path).exists():
        yield chromium.executable_path
    yield from filter(None, map(shutil.which, WHOLE))


def launch_options(executable: str | None) -> dict[str, Any]:
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return {
        "executable_path": executable,
        "args": [*ARGUMENTS, *(["--no-sandbox"] if as_root else [])],
        # Playwright turns that cache off, but shoppers have it when they press Back.
        "ignore_default_args": ["--disable-back-forward-cache"],
    }


def starts(chromium: BrowserType, executable: str) -> bool:
    try:
        chromium.launch(**launch_options(executable)).close()
    except Error:
        return False
    return True


def main() -> int:
    with sync_playwright() as playwright:
        chromium = playwright.chromium
        found = next((path for path in candidates(chromium) if starts(chromium, path)), None)
    if found:
        print(found)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
