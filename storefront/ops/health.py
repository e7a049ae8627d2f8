"""Tells platforms and their routers whether the process answers and whether the shop can work."""

import secrets
from collections.abc import Callable
from http import HTTPStatus

from django.contrib.sessions.models import Session
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from storefront.ops.connections import give_up, is_outage
from storefront.ops.metrics import metrics


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and can be written to, and no migration is pending; 503 otherwise."""
    problem = "the database does not answer"
    try:
        if are_migrations_pending():
            return _not_ready("migrations are pending: run manage.py migrate")
        problem = "the database takes no changes"
        _write()
    except (DatabaseError, InterfaceError) as error:
        if not is_outage(error):
            raise
        give_up()
        return _not_ready(problem)
    return HttpResponse("ready\n", content_type="text/plain")


def are_migrations_pending() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@transaction.atomic
def _write() -> None:
    """Write something and remove it: a full disk, or a read-only server, answers all questions."""
    key = f"readyz-{secrets.token_hex(12)}"
    Session.objects.create(session_key=key, expire_date=timezone.now()).delete()


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
