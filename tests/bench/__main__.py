"""python -m tests.bench: CPU time per request of the shop, beside bare Django, as a table."""

import os
import sys

import django

import tests.environment  # noqa: F401  (nothing of this machine's own gets in)

os.environ["DJANGO_SETTINGS_MODULE"] = "storefront.settings"
django.setup()

from tests.bench.report import main  # noqa: E402  (it needs what stands above)

sys.exit(main())
