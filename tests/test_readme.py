"""README.md and .env.example say what is there: names, files, commands."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from storefront.ops import environment

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")

MADE_BY_COMMANDS = (".env", ".venv")

CODE = [
    *re.findall(r"^ *```\w*\n(.*?)^ *```$", README, re.DOTALL | re.MULTILINE),
    *re.findall(r"`([^`\n]+)`", README),
]
LINKS = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]


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


def names_in_the_table() -> list[str]:
    _, _, section = README.partition("\n## Names in the environment\n")
    table, _, _ = section.partition("\n## ")
    return re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)


def names_in_the_example() -> list[str]:
    return re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE)


def paths() -> set[str]:
    """Return the words of code that can only be files, and what is linked to."""
    words = {word.lstrip("(").rstrip(",.;:)") for code in CODE for word in code.split()}
    is_path = re.compile(
        r"[\w.-]+(/[\w.-]+)+/?|[\w.-]+/|\.?[\w.-]+\.(py|txt|toml|sh|md|example|png)"
        r"|Procfile|Makefile|LICENSE"
    )
    return {word for word in words if is_path.fullmatch(word)} | set(LINKS)


@pytest.mark.parametrize("names", [names_in_the_table, names_in_the_example])
def test_the_names_of_the_environment_are_the_ones_that_are_read(names, names_read: set[str]):
    listed = names()
    assert len(listed) == len(set(listed))
    assert set(listed) == names_read


def test_each_file_that_the_readme_names_is_there():
    named = paths()
    assert {"checkout/gateway.py", ".env.example", "docs/home.webp"} <= named
    missing = {path for path in named if not (ROOT / path).exists()}
    assert {path for path in missing if not path.startswith(MADE_BY_COMMANDS)} == set()


def test_each_command_that_the_readme_names_is_there():
    code = "\n".join(CODE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake (\w+)", code)) <= targets
    commands = set(re.findall(r"\bmanage\.py (\w+)", code))
    assert {"migrate", "seed_products"} <= commands
    assert commands <= get_commands().keys()


def test_each_section_that_the_readme_links_to_is_there():
    headings = re.findall(r"^##+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


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
        """Check a copy of the shop that has this `.env` and knows nothing else."""
        for part in ("storefront", "checkout", "templates", "static"):
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "manage.py", folder)
        (folder / ".env").write_text(dot_env, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "manage.py", "check"],
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
