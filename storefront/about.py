"""What every page says about the shop, and by which clock."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from storefront.logos import icon_of, share_of
from storefront.models import Shop
from storefront.ops.static_files import is_collected

LOGO = "icon.svg"
"""Of a shop that has none of its own."""


def about_the_shop(*, by_heart: bool = False) -> dict[str, Any]:
    """Return what templates may say; `by_heart` asks no database, which may be away."""
    shop, now = Shop.known() if by_heart else Shop.current(), timezone.now()
    logo = settings.SHOP_LOGO or LOGO
    return {
        "shop_name": shop.shown_name,
        "shop_description": shop.shown_description,
        "shop_logo": logo if is_collected(logo) else "",
        # The merchant's own, uploaded.
        "shop_icon": icon_of(shop.shown_logo),
        "shop_share": share_of(shop.shown_logo),
        "shop_accent": shop.shown_accent,
        "shop_links": tuple(settings.SHOP_LINKS.items()),
        "shop_contact": shop.contact,
        "shop_announcement": shop.announcement,
        "shop_notice": shop.notice(now),
        "shop_is_closed": shop.is_closed(now),
        "shop_delivery_note": shop.delivery_note,
        "shop_returns": shop.returns,
    }


class InShopZone:
    """Tells all times by the shop's clock."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(Shop.current().zone):
            return self.get_response(request)
