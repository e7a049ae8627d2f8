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

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

# No traffic of the browser's own.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


def candidates(chromium: BrowserType) -> Iterator[str]:
    """CHROMIUM if it is set, Playwright's own, then those on PATH."""
    for path in [os.environ.get("CHROMIUM"), chromium.executable_path]:
        if path and Path(path).exists():
            yield path
    yield from filter(None, map(shutil.which, NAMES))


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
