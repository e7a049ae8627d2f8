"""The frame of the merchant's desk: Django's admin, with the shop's name and its own way about."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path


class Desk(AdminSite):
    site_header = site_title = settings.SHOP_NAME
    index_title = "All there is"
    enable_nav_sidebar = False

    def get_urls(self) -> list[Any]:
        from merchant import order_page, views

        order = "checkout/order/<uuid:pk>/"
        pages: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
            "to-ship": ("to-ship/", views.to_ship),
            "slips": ("to-ship/slips/", views.slips),
            "shipment": (f"{order}shipment/", views.shipment),
            "shipment-undoing": (f"{order}shipment/undoing/", views.undo),
            "slip": (f"{order}slip/", views.slip),
            "note": (f"{order}note/", order_page.note),
            "settling": (f"{order}settling/", order_page.settling),
            "parcels": (f"{order}parcels/", views.parcels),
            "parcel": (f"{order}parcels/<int:parcel>/", views.parcel),
        }
        own = [path(at, self.admin_view(view), name=name) for name, (at, view) in pages.items()]
        return [*own, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        from merchant.admin import say_how_it_stands
        from merchant.views import count_to_ship

        if request.method == "GET" and request.user.has_perm("checkout.view_message"):
            say_how_it_stands(request)
        return super().index(request, {"waiting": count_to_ship(request)} | (extra_context or {}))


class DeskConfig(AdminConfig):
    """Django's admin, with the desk for its site."""

    default_site = "merchant.desk.Desk"
