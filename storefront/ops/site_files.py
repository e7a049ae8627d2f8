"""The small files that every site is asked for, made from its settings; any cache may keep them."""

from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from storefront.ops.environment import COLOUR
from storefront.ops.pages import shop_context


@require_safe
@cache_control(public=True, max_age=86_400)
def brand(request: HttpRequest) -> HttpResponse:
    """A colour, which no template may write into the page: styles are files.

    It is the one that the address says, since caches keep it by that, and not the one that the
    shop has at this moment.
    """
    asked = unquote(request.META["QUERY_STRING"])
    context = {"shop_accent": asked} if COLOUR.fullmatch(asked) else {}
    return render(request, "storefront/brand.css", context, content_type="text/css")


@require_safe
@cache_control(public=True, max_age=86_400)
def robots(request: HttpRequest) -> HttpResponse:
    return render(request, "storefront/robots.txt", content_type="text/plain")


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """What browsers and robots ask for by this name without being told to."""
    return redirect(shop_context()["shop_icon"] or static("favicon.ico"))
