"""The shop's settings in production, and the addresses of bare views beside the shop's."""

from tests.browser.production import *  # noqa: F403

ROOT_URLCONF = "tests.bench.bare"
