"""Tells platforms and their routers whether the process answers and whether the shop can work."""

from collections.abc import Callable
from http import HTTPStatus

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from storefront.ops.metrics import metrics


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


HEALTH = {"/healthz": healthz, "/readyz": readyz}
HOST_CHECK_EXEMPT = HEALTH | {"/metrics": metrics}


class HealthMiddleware:
    """Answers before the host is checked: platforms and Prometheus ask by any name or address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return HOST_CHECK_EXEMPT.get(request.path, self.get_response)(request)
