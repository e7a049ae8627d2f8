"""The releases around this one.

The last one comes from the history. The next is a copy of the shop with one more migration: one
that old code can live with, or one it can't.
"""

import shutil
import subprocess
from pathlib import Path

from tools.shop_process import PROJECT, ShopProcess

FIELD, INDEXES = "    link_nonce = ", "        indexes = "
GREETING = '    greeting = models.CharField(max_length=80, blank=True, db_default="")'
GREETINGS = '(models.Index(fields=("greeting",), name="greetings"),)'
EXPAND = {FIELD: f"{GREETING}\n{FIELD}", INDEXES: f"{INDEXES}{GREETINGS} + "}
# The old code still writes it.
CONTRACT = {"    attempt_at = models.DateTimeField(default=timezone.now)\n": ""}
ADDED_FILE = "added.txt"
FIRST_OF_THIS_RELEASE = "checkout/migrations/0015_delivery.py"


def last_release(folder: Path) -> Path:
    """Unpack the code as it was before this release's migrations; LookupError without history."""
    added = ("log", "--diff-filter=A", "--format=%H", "--", FIRST_OF_THIS_RELEASE)
    commits = _git(*added).decode().split()
    if not commits:
        raise LookupError(f"No commit adds {FIRST_OF_THIS_RELEASE}.")
    folder.mkdir()
    archive = _git("archive", f"{commits[-1]}^")
    subprocess.run(["tar", "--extract", f"--directory={folder}"], input=archive, check=True)
    return folder


def _git(*arguments: str) -> bytes:
    try:
        command = ["git", f"--git-dir={PROJECT / '.git'}", *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise LookupError(f"The history can't be read: {error}") from error


def next_release(folder: Path, changes: dict[str, str]) -> Path:
    """Copy the code to the folder, change the models so, and let Django write the migration."""
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "*.sqlite3*", "tests", "docs")
    shutil.copytree(PROJECT, folder, ignore=unwanted)
    models = folder / "checkout" / "models" / "order.py"
    text = models.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    models.write_text(text)
    (folder / "static" / ADDED_FILE).write_text("new\n")
    ShopProcess("sqlite:///:memory:", folder=folder).manage(
        "makemigrations", "checkout", "--name=next_release"
    )
    return folder
