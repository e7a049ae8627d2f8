"""What search engines may list: the shop and the page of each product on sale."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.urls import reverse

from storefront.models import Product


class ShopSitemap(Sitemap):  # type: ignore[type-arg]
    """Its addresses begin with SITE_URL, else with the host that the request names."""

    def items(self) -> list[str]:
        products = Product.objects.on_sale()
        return [reverse("storefront:home"), *(product.get_absolute_url() for product in products)]

    def location(self, item: str) -> str:
        return item

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme or super().get_protocol(protocol)

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc or super().get_domain(site)


SITEMAPS = {"shop": ShopSitemap}
