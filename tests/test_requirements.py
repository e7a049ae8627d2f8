"""What is installed is what was looked at: pip refuses what a list does not pin with its hash."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
LISTS = ["requirements", "requirements-dev"]


def locked(name: str) -> str:
    return (ROOT / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^(\S+)==(\S+)", locked(name), re.MULTILINE))


@pytest.mark.parametrize("name", LISTS)
def test_each_package_of_a_list_is_pinned_as_it_says_and_has_a_reason(name: str):
    lines = (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith(("#", "-c")):
            found = re.fullmatch(r"([\w-]+)(?:\[.*\])?==(\S+) +# (.+)", line)
            assert found, f"{line}: say which version, and why it is there"
            assert pins(name)[found[1].lower()] == found[2], "run: make requirements"


@pytest.mark.parametrize("name", LISTS)
def test_every_file_is_known_by_its_hash_and_comes_from_no_named_place(name: str):
    _, *entries = re.split(r"^(?=\w)", locked(name), flags=re.MULTILINE)
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"://|^-|--(extra-)?index|--find-links", locked(name), re.MULTILINE)


def test_both_lists_agree():
    run, dev = map(pins, LISTS)
    assert {name: dev[name] for name in run.keys() & dev} == {
        name: run[name] for name in run.keys() & dev
    }


def test_hashes_are_asked_for_wherever_the_shop_installs():
    for file in ("tools/make.sh", "render.yaml"):
        script = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
        installs = re.findall(r"pip install.*-r.*", script)
        assert installs
        assert all("--require-hashes" in line for line in installs)
