"""Whether the process answers, and whether the shop can work: for platforms and their routers."""

from http import HTTPStatus

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and no migration is pending; 503 otherwise."""
    try:
        executor = MigrationExecutor(connection)
    except (InterfaceError, OperationalError):
        return _not_ready("the database does not answer")
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return _not_ready("migrations are pending: run manage.py migrate")
    return HttpResponse("ready\n", content_type="text/plain")


def _not_ready(reason: str) -> HttpResponse:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return HttpResponse(f"{reason}\n", content_type="text/plain", status=status)
