"""The shop's settings, plus the alterations that the tests ask for by environment."""

import os

from django.apps import AppConfig

from storefront.settings import *  # noqa: F403
from storefront.settings import INSTALLED_APPS as APPS_OF_THE_SHOP


class Altered(AppConfig):
    """Changes the shop's code once it is loaded; the shop itself has no switch for it."""

    name = "tests.races"

    def ready(self) -> None:
        from tests.races import alterations

        for name in os.environ["ALTERATIONS"].split():
            getattr(alterations, name)()


INSTALLED_APPS = [*APPS_OF_THE_SHOP, "tests.races.altered_settings.Altered"]
