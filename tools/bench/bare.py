"""Bare Django, to be measured against: the same process and middleware, and almost no work."""

import resource
import time

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from storefront import urls as shop
from storefront.models import Product

PAGE = "<!DOCTYPE html><title>Eight kilobytes</title>" + "<p>Nothing to see here.</p>\n" * 292


def select(request: HttpRequest, pk: int) -> HttpResponse:
    """One row by its primary key."""
    return HttpResponse(Product.objects.get(pk=pk).name)


@csrf_exempt
@require_POST
def update(request: HttpRequest, pk: int) -> HttpResponse:
    """One conditional UPDATE in a transaction."""
    with transaction.atomic():
        rows = Product.objects.filter(pk=pk, position__lt=30_000)
        won = rows.update(position=F("position") + 1) == 1
    return HttpResponse("won" if won else "lost")


def page(request: HttpRequest) -> HttpResponse:
    """A plain page of 8 KB."""
    return HttpResponse(PAGE)


def usage(request: HttpRequest) -> JsonResponse:
    """What this worker has used so far: CPU seconds, and memory at its largest in KiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return JsonResponse({"cpu": time.process_time(), "peak_kib": peak})


urlpatterns = [
    path("bare/select/<int:pk>/", select),
    path("bare/update/<int:pk>/", update),
    path("bare/page/", page),
    path("bare/usage/", usage),
    path("", include(shop)),
]
handler400, handler403 = shop.handler400, shop.handler403
handler404, handler500 = shop.handler404, shop.handler500
