"""python -m tools.growth COMMAND: fill the database of DATABASE_URL, or measure a shop on it.

`fill` brings a migrated database to a size, `routes` compares what shoppers ask for with an empty
shop, `shelf` large shelves with a small one, `desk` opens the merchant's pages and streams their
files, `waiting` lets a crowd wait for its payments, `upgrade` brings it from the last release to
this one while others write.
"""

import argparse
import os
import sys

import django

# The settings want one; whatever it is, the shops that are measured have the same.
os.environ.setdefault("SECRET_KEY", "only-for-measuring")
os.environ.setdefault("SITE_URL", "http://127.0.0.1")
os.environ.setdefault("READ_DOT_ENV", "false")
os.environ.setdefault("LOG_LEVEL", "ERROR")
# All of the crowd come from one address.
os.environ.setdefault("CHANGES_PER_MINUTE", "0")
os.environ.setdefault("BUYS_PER_MINUTE", "0")
os.environ.setdefault("OPEN_ORDERS_PER_ADDRESS", "1000000")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "storefront.settings")
NO_PROXY = "127.0.0.1,localhost"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.growth")
    commands = parser.add_subparsers(dest="command", required=True)
    sizes = commands.add_parser("fill")
    sizes.add_argument("--orders", type=int, default=1_000_000)
    sizes.add_argument("--shoppers", type=int, default=200_000)
    sizes.add_argument("--waiting", type=int, default=10_000)
    sizes.add_argument("--carts", type=int, default=100_000)
    commands.add_parser("routes").add_argument("--rounds", type=int, default=220)
    shelf = commands.add_parser("shelf")
    shelf.add_argument("--rounds", type=int, default=120)
    shelf.add_argument("--largest", type=int, default=10_000)
    commands.add_parser("desk").add_argument("--looks", type=int, default=7)
    commands.add_parser("upgrade").add_argument("--writers", type=int, default=4)
    crowd = commands.add_parser("waiting")
    crowd.add_argument("--shoppers", type=int, default=2_000)
    crowd.add_argument("--seconds", type=int, default=120)
    arguments = vars(parser.parse_args())
    os.environ.update(NO_PROXY=NO_PROXY, no_proxy=NO_PROXY)
    django.setup()
    print(run(arguments.pop("command"), arguments), flush=True)
    return 0


def run(command: str, arguments: dict[str, int]) -> str:
    url = os.environ["DATABASE_URL"]
    if command == "fill":
        from tools.growth.fill import fill_quickly

        return fill_quickly(**arguments)
    if command == "routes":
        from tools.growth.routes import compare

        return compare(url, **arguments)
    if command == "shelf":
        from tools.growth.shelf import compare_sizes

        return compare_sizes(**arguments)
    if command == "upgrade":
        from tools.growth.upgrade import upgrade

        return upgrade(**arguments)
    if command == "desk":
        from tools.growth.desk import measure

        return measure(**arguments)
    from tools.growth.waiting import hold

    return hold(url, **arguments)


if __name__ == "__main__":
    sys.exit(main())
