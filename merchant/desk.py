"""The frame of the merchant's desk: Django's admin, with the shop's name and its own way about."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path


class Desk(AdminSite):
    index_title = "Today"
    enable_nav_sidebar = False

    def get_urls(self) -> list[Any]:
        from merchant import exporting, health, money, order_page, refund_pages, shop, views

        order = "checkout/order/<uuid:pk>/"
        pages: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
            "under-the-hood": ("under-the-hood/", self.under_the_hood),
            "shop": ("shop/", shop.page),
            "to-ship": ("to-ship/", views.to_ship),
            "slips": ("to-ship/slips/", views.slips),
            "shipment": (f"{order}shipment/", views.shipment),
            "shipment-undoing": (f"{order}shipment/undoing/", views.undo),
            "slip": (f"{order}slip/", views.slip),
            "note": (f"{order}note/", order_page.note),
            "settling": (f"{order}settling/", order_page.settling),
            "refund": (f"{order}refund/", refund_pages.refund),
            "parcels": (f"{order}parcels/", views.parcels),
            "parcel": (f"{order}parcels/<int:parcel>/", views.parcel),
            "money": ("money/", money.money),
            "export": ("export/<slug:kind>.csv", exporting.export),
            "health": ("health/", health.health),
        }
        own = [path(at, self.admin_view(view), name=name) for name, (at, view) in pages.items()]
        return [*own, *super().get_urls()]

    def each_context(self, request: Any) -> dict[str, Any]:
        from storefront.models import Shop

        name = Shop.current().shown_name
        return super().each_context(request) | {"site_header": name, "site_title": name}

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        from merchant.today import today

        context = self.each_context(request) | today(request) | (extra_context or {})
        request.current_app = self.name
        return TemplateResponse(request, "merchant/today.html", context)

    def under_the_hood(self, request: HttpRequest) -> HttpResponse:
        """List all that there is, as Django's admin does at its front."""
        return super().index(request, {"title": "Under the hood"})


class DeskConfig(AdminConfig):
    """Django's admin, with the desk for its site."""

    default_site = "merchant.desk.Desk"
