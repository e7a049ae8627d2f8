"""python -m tests.growth COMMAND: fill the database of DATABASE_URL, or measure shops on it."""

import argparse
import os
import sys

import django


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.growth", description=__doc__)
    parser.add_argument("command", choices=["fill"])
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--shoppers", type=int, default=200_000)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--carts", type=int, default=100_000)
    arguments = vars(parser.parse_args())
    arguments.pop("command")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "storefront.settings")
    django.setup()
    from tests.growth.fill import fill_quickly

    print(fill_quickly(**arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
