"""The shop's settings in production, and the addresses of bare views beside the shop's."""

from tools.production import *  # noqa: F403

ROOT_URLCONF = "tools.bench.bare"
