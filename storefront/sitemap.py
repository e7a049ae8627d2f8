"""What search engines may list: the shop and the page of each product on sale."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.urls import reverse

from storefront.models import Product


class ShopSitemap(Sitemap):  # type: ignore[type-arg]
    """The address of the shop is SITE_URL's, else the one that was asked."""

    def items(self) -> list[Product | None]:
        return [None, *Product.objects.on_sale()]

    def location(self, item: Product | None) -> str:
        return item.get_absolute_url() if item else reverse("storefront:home")

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme or super().get_protocol(protocol)

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc or super().get_domain(site)


SITEMAPS = {"shop": ShopSitemap}
