"""The shop's settings with static files collected elsewhere, hashed and compressed as on a PaaS.

Only passwords take no time, and compressing little.
"""

import os
from functools import partial
from pathlib import Path

import brotli  # type: ignore[import-untyped]
from whitenoise.compress import Compressor  # type: ignore[import-untyped]

from storefront.settings import *  # noqa: F403
from storefront.settings import STORAGES

STATIC_ROOT = Path(os.environ["STATIC_ROOT"])
STORAGES["staticfiles"] = {
    "BACKEND": "storefront.ops.static_files.CollectedFiles",
}
WHITENOISE_USE_FINDERS = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
Compressor.compress_brotli = staticmethod(partial(brotli.compress, quality=1))
