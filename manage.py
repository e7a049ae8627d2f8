#!/usr/bin/env python
"""Django's command line for the shop."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "storefront.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        _ = settings.DEBUG  # reads them
    except ImproperlyConfigured as error:
        sys.exit(f"The shop does not start: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
