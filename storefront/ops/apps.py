"""Times queries, and closes the pools of connections when a process ends."""

import atexit

from django.apps import AppConfig
from django.core.signals import request_started
from django.db import connections
from django.db.backends.signals import connection_created


class OpsConfig(AppConfig):
    name = "storefront.ops"

    def ready(self) -> None:
        # The modules of the deployment checks register them.
        from storefront.ops import checks, request_log, static_files  # noqa: F401
        from storefront.ops import connections as ours

        connection_created.connect(request_log.time_queries)
        connection_created.connect(ours.remember_file)
        request_started.connect(ours.close_lost_file)
        # A pool left open keeps its threads, and the process with them, for 20 more seconds.
        atexit.register(close_pools)


def close_pools() -> None:
    for connection in connections.all():
        if close := getattr(connection, "close_pool", None):
            close()
