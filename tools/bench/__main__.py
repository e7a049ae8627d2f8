"""python -m tools.bench: CPU time per request of the shop, beside bare Django, as a table."""

import os
import sys

import django

import tools.environment  # noqa: F401  (nothing of this machine's own gets in)

os.environ["DJANGO_SETTINGS_MODULE"] = "storefront.settings"
django.setup()

from tools.bench.report import main  # noqa: E402  (it needs what stands above)

sys.exit(main())
