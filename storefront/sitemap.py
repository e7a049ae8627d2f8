"""What search engines may list: the shop's pages and the page of each product on sale."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.urls import reverse

from storefront.models import Product


class ShopSitemap(Sitemap):  # type: ignore[type-arg]
    """Lists `pages` by name; addresses begin with SITE_URL, else with the request's host."""

    def __init__(self, pages: Iterable[str]) -> None:
        self.pages = list(pages)

    def items(self) -> list[str]:
        products = Product.objects.on_shelf().only("slug")
        return [*map(reverse, self.pages), *(product.get_absolute_url() for product in products)]

    def location(self, item: str) -> str:
        return item

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme or super().get_protocol(protocol)

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc or super().get_domain(site)
