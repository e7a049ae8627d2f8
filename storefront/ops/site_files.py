"""The small files that every site is asked for, made from its settings; any cache may keep them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe


@require_safe
@cache_control(public=True, max_age=86_400)
def brand(request: HttpRequest) -> HttpResponse:
    """The merchant's colour, which no template may write into the page: styles are files."""
    return render(request, "storefront/brand.css", content_type="text/css")


@require_safe
@cache_control(public=True, max_age=86_400)
def robots(request: HttpRequest) -> HttpResponse:
    return render(request, "storefront/robots.txt", content_type="text/plain")


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """What browsers and robots ask for by this name without being told to."""
    return redirect(static("favicon.ico"))
