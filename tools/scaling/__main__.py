"""`python -m tools.scaling` measures how many purchases the shop carries; see measure.py."""

import os

import django

import tools.environment  # noqa: F401

os.environ["DJANGO_SETTINGS_MODULE"] = "storefront.settings"
django.setup()

from tools.scaling.measure import main  # noqa: E402 (models want a Django that is set up)

main()
