"""What is installed is what was looked at: few packages, pinned, each file known by its hash."""

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
LISTS = ["requirements", "requirements-dev"]
# Any Python that the shop runs on, on this machine.
ENVIRONMENT = {name: str(value) for name, value in default_environment().items()} | {"extra": ""}


def wanted(name: str) -> list[tuple[Requirement, str]]:
    """The requirements of a list with the reason for each."""
    lines = (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines()
    rows = [line.partition("#") for line in lines if line and not line.startswith(("#", "-c"))]
    return [(Requirement(text.strip()), reason.strip()) for text, _, reason in rows]


def pinned(text: str) -> dict[str, tuple[str, list[str]]]:
    """Versions and hashes by the packages' names."""
    entry = re.compile(r"^([a-z0-9.-]+)==(\S+)[^\n]*((?:\n    --hash=\S+(?: \\)?)*)", re.MULTILINE)
    found = {
        name: (version, re.findall(r"--hash=(sha256:[0-9a-f]{64})", hashes))
        for name, version, hashes in entry.findall(text)
    }
    # Nothing is in the file that is not understood here.
    assert len(found) == len(re.findall(r"^\w", text, re.MULTILINE))
    return found


def locked(name: str) -> dict[str, tuple[str, list[str]]]:
    return pinned((ROOT / f"{name}.txt").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LISTS)
def test_each_package_of_a_list_is_pinned_as_it_says_and_has_a_reason(name: str):
    versions = {package: version for package, (version, _) in locked(name).items()}
    for requirement, reason in wanted(name):
        package = canonicalize_name(requirement.name)
        assert str(requirement.specifier) == f"=={versions.get(package)}", "run: make requirements"
        assert len(reason) > 3, f"{requirement.name}: say why it is there"


@pytest.mark.parametrize("name", LISTS)
def test_what_they_bring_along_is_pinned_too_and_nothing_else(name: str):
    here = {*locked(name)}
    needed = {canonicalize_name(requirement.name) for requirement, _ in wanted(name)}
    queue = [requirement for requirement, _ in wanted(name)]
    while queue:
        for requirement in brought_by(queue.pop()):
            package = canonicalize_name(requirement.name)
            if package not in needed:
                needed.add(package)
                queue.append(requirement)
    assert needed <= here, "run: make requirements"
    # What another platform needs is not installed here, so nothing tells who brings it.
    assert here - needed <= {"colorama", "tzdata"}, "run: make requirements"


def brought_by(package: Requirement) -> list[Requirement]:
    try:
        texts = requires(package.name) or []
    except PackageNotFoundError:
        return []
    found = [Requirement(text) for text in texts]
    extras = [{**ENVIRONMENT, "extra": extra} for extra in ("", *package.extras)]
    return [
        requirement
        for requirement in found
        if not requirement.marker or any(requirement.marker.evaluate(extra) for extra in extras)
    ]


@pytest.mark.parametrize("name", LISTS)
def test_every_file_is_known_by_its_hash_and_comes_from_no_named_place(name: str):
    for package, (_, hashes) in locked(name).items():
        assert hashes, f"{package} has no hash; run: make requirements"
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8")
    assert "make requirements" in text
    assert not re.search(r"://|^-|--(extra-)?index|--find-links", text, re.MULTILINE)


def test_both_lists_agree():
    run, dev = (locked(name) for name in LISTS)
    assert run.keys() & dev.keys()
    assert {name: dev[name] for name in run.keys() & dev.keys()} == {
        name: run[name] for name in run.keys() & dev.keys()
    }


def test_a_package_without_a_hash_would_be_noticed():
    text = "a==1 \\\n    --hash=sha256:" + "0" * 64 + "\n    # via -r requirements.in\nb==2\n"
    assert pinned(text) == {"a": ("1", ["sha256:" + "0" * 64]), "b": ("2", [])}
    with pytest.raises(AssertionError):
        pinned("a @ file:///a.whl\n")


def test_hashes_are_asked_for_wherever_the_shop_installs():
    for file in ("tools/make.sh", "render.yaml"):
        script = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
        installs = re.findall(r"pip install.*-r.*", script)
        assert installs
        assert all("--require-hashes" in line for line in installs)
