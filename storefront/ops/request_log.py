"""Gives each request an id, and logs each answer and each slow query."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponseBase

from storefront.ops import logs, metrics
from storefront.ops.health import HOST_CHECK_EXEMPT

logger = logging.getLogger(__name__)

# Looking a metric up by its labels costs more than counting.
_requests, _durations = cache(metrics.REQUESTS.labels), cache(metrics.DURATIONS.labels)

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_SQL = 2_000


class RequestLogMiddleware:
    """Gives each request an id; counts, times and logs its answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started, request_id = time.perf_counter(), _id_of(request)
        with logs.log_context(request_id=request_id):
            request.META["HTTP_X_REQUEST_ID"] = request_id
            with metrics.BUSY_THREADS.track_inprogress():
                response = self.get_response(request)
            _record(request, response, time.perf_counter() - started)
        response.headers["X-Request-ID"] = request_id
        return response


def _id_of(request: HttpRequest) -> str:
    """Return the router's id, so that its lines and ours can be joined, or a new one."""
    given = request.META.get("HTTP_X_REQUEST_ID", "") if settings.TRUST_PROXY else ""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _record(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    # A client may invent methods, and each would be a series of its own.
    method = request.method if request.method in METHODS else "other"
    route, status = _route_of(request, response), response.status_code
    _requests(method, route, status).inc()
    _durations(route).observe(seconds)
    level = logging.DEBUG if _is_routine(request, response) else logging.INFO
    if logger.isEnabledFor(level):
        milliseconds = round(seconds * 1000, 1)
        fields = {"method": method, "route": route, "status": status, "duration_ms": milliseconds}
        message = "%s %s: %s in %s ms"
        logger.log(level, message, method, route, status, milliseconds, extra={"fields": fields})


def _route_of(request: HttpRequest, response: HttpResponseBase) -> str:
    if request.path in HOST_CHECK_EXEMPT:
        return request.path
    if _is_static(request, response):
        return settings.STATIC_URL
    return logs.route_of(request)


def _is_routine(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether the answer only says that all is well: such lines would drown the others."""
    if response.status_code in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        return True
    is_known = request.path in HOST_CHECK_EXEMPT or _is_static(request, response)
    return is_known and response.status_code == HTTPStatus.OK


def _is_static(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a file was sent, which happens before a route is looked up."""
    return response.streaming and request.path.startswith(settings.STATIC_URL)


def time_queries(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Time each query of the connection, once however often it is opened."""
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)


def _timed(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.perf_counter() - started
        if seconds >= settings.SLOW_QUERY_SECONDS:
            _log_slow_query(str(sql), seconds)


def _log_slow_query(sql: str, seconds: float) -> None:
    """Log the query with its placeholders: the values in their place may be personal."""
    milliseconds = round(seconds * 1000, 1)
    fields = {"duration_ms": milliseconds, "sql": sql[:MAX_SQL]}
    logger.warning("A query took %s ms.", milliseconds, extra={"fields": fields})
