"""Has queries timed, and ends a process as fast as it ends itself."""

import atexit

from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created


class OpsConfig(AppConfig):
    name = "storefront.ops"

    def ready(self) -> None:
        from storefront.ops import checks, request_log  # noqa: F401  (registers the deployment check)

        connection_created.connect(request_log.watch_queries)
        # Left to itself, a pool's threads hold up the end of each process for 20 seconds.
        atexit.register(close_pools)


def close_pools() -> None:
    for connection in connections.all():
        if close := getattr(connection, "close_pool", None):
            close()
