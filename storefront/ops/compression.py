"""Compresses pages."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class Compression(GZipMiddleware):
    """Leaves photographs as they are: it would take long, and they don't get any smaller."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        if response.headers.get("Content-Type") == "image/webp":
            return response
        return super().process_response(request, response)
