"""The shop's settings, plus the alterations that the tests ask for by environment."""

import os
from pathlib import Path

from django.apps import AppConfig

from storefront.settings import *  # noqa: F403
from storefront.settings import INSTALLED_APPS as APPS_OF_THE_SHOP


class Altered(AppConfig):
    """Changes the shop's code once it is loaded; the shop itself has no switch for it."""

    name = "tests.races"

    def ready(self) -> None:
        from tests.races import alterations

        def alter(names: str) -> None:
            for name in names.split():
                getattr(alterations, name)()

        if file := os.environ.get("ALTERATIONS_FILE"):  # says it anew to each worker

            def listen() -> None:
                alter(Path(file).read_text())

            if "WORKER_SLOT" in os.environ:  # it is forked, and loads the shop itself
                listen()
            else:
                os.register_at_fork(after_in_child=listen)
        else:
            alter(os.environ["ALTERATIONS"])


INSTALLED_APPS = [*APPS_OF_THE_SHOP, "tests.races.altered_settings.Altered"]
