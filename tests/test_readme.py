"""README.md, docs/ and .env.example say what is there: names, files, links, commands, figures."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from checkout.doctor import endpoint
from storefront.ops import environment
from tests.test_threat_model import THREATS

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
PAGES = {
    page: page.read_text(encoding="utf-8")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}
README = PAGES[ROOT / "README.md"]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")

MADE_BY_COMMANDS = (".env", ".venv")

BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
CODE = [
    code
    for text in PAGES.values()
    for code in [*BLOCK.findall(text), *re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))]
]
LINKS = [
    (page, *link)
    for page, text in PAGES.items()
    for link in re.findall(r"(?:\]\(|src=\")([^)#\"]*)(?:#([^)]+))?[)\"]", BLOCK.sub("", text))
    if "://" not in link[0]
]


@pytest.fixture(scope="module")
def names_read() -> set[str]:
    """Run the settings once more, and note each name that they ask for."""
    names = set()
    original = environment.text

    def noting(name: str, default: str = "") -> str:
        names.add(name)
        return original(name, default)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "text", noting)
        runpy.run_path(str(ROOT / "storefront" / "settings.py"))
    return names


def names_in_the_tables() -> list[str]:
    tables = PAGES[ROOT / "docs" / "configuration.md"]
    return re.findall(r"^\| `([A-Z_]+)` \|", tables, re.MULTILINE)


def names_in_the_example() -> list[str]:
    return re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE)


def paths() -> set[str]:
    """Return the words of code that can only be files."""
    words = {word.lstrip("(").rstrip(",.;:)") for code in CODE for word in code.split()}
    is_path = re.compile(
        r"[\w.-]+(/[\w.-]+)+/?|[\w.-]+/|\.?[\w.-]+\.(py|txt|toml|sh|md|example|png|yaml)"
        r"|Procfile|Makefile|LICENSE"
    )
    return {word for word in words if is_path.fullmatch(word)}


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^##+ (.+)$", PAGES[page], re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("names", [names_in_the_tables, names_in_the_example])
def test_the_names_of_the_environment_are_the_ones_that_are_read(names, names_read: set[str]):
    listed = names()
    assert len(listed) == len(set(listed))
    assert set(listed) == names_read


def test_each_file_that_is_named_is_there():
    named = paths()
    assert {"checkout/gateway/__init__.py", "tests/cast.py", ".env.example"} <= named
    missing = {path for path in named if not (ROOT / path).exists()}
    assert {path for path in missing if not path.startswith(MADE_BY_COMMANDS)} == set()


def test_each_command_that_is_named_is_there():
    code = "\n".join(CODE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake (\w+)", code)) <= targets
    commands = set(re.findall(r"\bmanage\.py (\w+)", code))
    assert {"migrate", "seed_products"} <= commands
    assert commands <= get_commands().keys()


def test_each_link_leads_to_a_file_and_section_that_are_there():
    assert len(LINKS) > 40
    for page, file, section in LINKS:
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f"{page.name}: {file}"
        assert not section or section in anchors(there), f"{page.name}: {file}#{section}"


def test_the_events_that_an_endpoint_made_by_hand_needs_are_listed():
    lists = [block.split() for block in BLOCK.findall(PAGES[ROOT / "docs" / "deploying.md"])]
    assert [*endpoint.EVENTS] in lists


def test_the_readme_leads_to_every_page_and_is_short():
    linked = {page.parent / file for page, file, _ in LINKS if page == ROOT / "README.md"}
    assert linked >= {*PAGES} - {ROOT / "README.md"}
    assert len(README.splitlines()) <= 150


def test_the_figures_of_the_readme_are_measured():
    figures = {
        "100,000": "100,000 steps and 200 kills" in (ROOT / "Makefile").read_text(encoding="utf-8"),
        "61": "| SQLite, 2 workers | 61.4 |" in PAGES[ROOT / "docs" / "scaling.md"],
        "1,000,000": "1,000,000 orders" in PAGES[ROOT / "docs" / "performance.md"],
        str(len(THREATS)): True,
        "0": not [*(ROOT / "static").rglob("*.js")],
    }
    assert re.findall(r"^- \*\*([\d,]+) ", README, re.MULTILINE) == [*figures]
    assert all(figures.values()), figures


class TestTheExample:
    def test_copied_as_it_is_starts_the_demo_shop(self, tmp_path: Path):
        started = self.start(tmp_path, EXAMPLE)
        assert started.returncode == 0, started.stderr
        assert "Demo mode ENABLED" in started.stderr

    def test_every_value_in_it_can_be_read(self, tmp_path: Path):
        uncommented = re.sub(r"^# ([A-Z_]+=)", r"\1", EXAMPLE, flags=re.MULTILINE)
        started = self.start(tmp_path, uncommented)
        assert started.returncode == 0, started.stderr
        assert "Real Stripe mode ENABLED" in started.stderr

    def start(self, folder: Path, dot_env: str) -> subprocess.CompletedProcess[str]:
        """Start a copy of the shop that has this `.env` and knows nothing else."""
        for part in ("storefront", "checkout", "merchant", "templates", "static"):
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "manage.py", folder)
        (folder / ".env").write_text(dot_env, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-c", "import storefront.wsgi"],
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
