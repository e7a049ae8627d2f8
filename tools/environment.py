"""The environment that the tests run in, whatever the developer's own says.

A plugin (`-p tools.environment` in pyproject.toml) and not a part of conftest.py, since
pytest-django loads the settings before any conftest.py.
"""

import os
import re
import sys
from pathlib import Path

EXAMPLE = (Path(__file__).parents[1] / ".env.example").read_text(encoding="utf-8")
# All that the shop reads: tests/test_readme.py compares them with the settings.
NAMES = re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE)

OURS = {
    "SECRET_KEY": "only-for-tests",
    "DEBUG": "false",
    "SITE_URL": "http://testserver",
    "READ_DOT_ENV": "false",
    "WORKER": "off",
    # One address plays all the shoppers here.
    "CHANGES_PER_MINUTE": "0",
    "BUYS_PER_MINUTE": "0",
    "LOGINS_PER_MINUTE": "0",
    # A busy machine is slow now and then, and tests count lines of the log.
    "SLOW_QUERY_MS": "60000",
    "SLOW_STRIPE_MS": "60000",
}
# Stripe's library takes a proxy of the environment even to 127.0.0.1.
NO_PROXY = "127.0.0.1,localhost"

# DATABASE_URL stays: it says on which database the tests run.
for name in {*NAMES, "DJANGO_SETTINGS_MODULE"} - {"DATABASE_URL"}:
    os.environ.pop(name, None)
# Or each process compiles all tests anew, which takes half of the time to collect them.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.update(OURS, NO_PROXY=NO_PROXY, no_proxy=NO_PROXY)
