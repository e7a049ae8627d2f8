"""Asks every address of a shop that is set up by the environment, and prints all it answers.

`python -m tests.walk` or, with a view that fails while it has all secrets in hand,
`python -m tests.walk broken`.
"""

import os
import sys
from typing import Any

import django
from django.conf import settings
from django.test import Client


class BrokenView:
    """A middleware that fails where the view would be called."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        return self.get_response(request)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> None:
        everything = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
        environment = dict(os.environ)
        raise RuntimeError(f"{len(everything)} settings and {len(environment)} names at hand")


def walk(*, is_broken: bool) -> None:
    from tests.routes import ADDRESSES

    # runserver hands the whole environment to each request, and debug pages show it.
    environment: Any = dict(os.environ)
    client = Client(raise_request_exception=False, **environment)
    # Where each fails alike, a tenth of the pages that Django makes for developers will do.
    for address in ADDRESSES[:: 10 if is_broken and settings.DEBUG else 1]:
        for method in ("GET", "POST"):
            answer = client.generic(method, address)
            print(method, address, answer.status_code, dict(answer.headers))
            print(answer.content.decode())


if __name__ == "__main__":
    django.setup()
    # The pool's own patience would make minutes of it where the database is away.
    settings.DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 0.1
    if is_broken := "broken" in sys.argv:
        settings.MIDDLEWARE.append("tests.walk.BrokenView")
    walk(is_broken=is_broken)
