"""A copy of the shop with one more migration: one that old code can live with, or one it can't."""

import shutil
from pathlib import Path

from tools.shop_process import PROJECT, ShopProcess

FIELD, INDEXES = "    link_nonce = models.CharField(", "        indexes = ("
GREETING = '    greeting = models.CharField(max_length=80, blank=True, db_default="")'
GREETINGS = 'models.Index(fields=("greeting",), name="greetings"),'
EXPAND = {FIELD: f"{GREETING}\n{FIELD}", INDEXES: f"{INDEXES}{GREETINGS} "}
# The old code still writes it.
CONTRACT = {"    attempt_at = models.DateTimeField(default=timezone.now)\n": ""}
ADDED_FILE = "added.txt"


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
