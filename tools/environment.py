"""The environment that the tests run in, whatever the developer's own says.

A plugin (`-p tools.environment` in pyproject.toml) and not a part of conftest.py, since
pytest-django loads the settings before any conftest.py.
"""

import os

# DATABASE_URL is not among them: it says on which database the tests run.
OURS = {
    "SECRET_KEY": "only-for-tests",
    "DEBUG": "false",
    "SITE_URL": "http://testserver",
    "READ_DOT_ENV": "false",
    # One address plays all the shoppers here.
    "CHANGES_PER_MINUTE": "0",
    "BUYS_PER_MINUTE": "0",
    "LOGINS_PER_MINUTE": "0",
    # A busy machine is slow now and then, and tests count lines of the log.
    "SLOW_QUERY_MS": "60000",
    "SLOW_STRIPE_MS": "60000",
}
UNSET = [
    "ALLOWED_HOSTS",
    "CACHE_URL",
    "CURRENCY",
    "DJANGO_SETTINGS_MODULE",
    "LOG_LEVEL",
    "METRICS_TOKEN",
    "SHOPPERS_PER_ADDRESS",
    "STRIPE_API_BASE",
    "STRIPE_PUBLISHABLE_KEY",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "TRUST_PROXY",
]
# Stripe's library takes a proxy of the environment even to 127.0.0.1.
NO_PROXY = "127.0.0.1,localhost"

for name in UNSET:
    os.environ.pop(name, None)
os.environ.update(OURS, NO_PROXY=NO_PROXY, no_proxy=NO_PROXY)
