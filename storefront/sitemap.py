"""What search engines may list: the shop's pages, its categories and each product on sale."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import SitemapIndexItem, sitemap, x_robots_tag
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from storefront.models import Category, Product
from storefront.ops.pages import base_url


class Part(Sitemap):  # type: ignore[type-arg]
    """Addresses begin with SITE_URL, else with the request's host."""

    limit = 1_000

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme or super().get_protocol(protocol)

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc or super().get_domain(site)


class Places(Part):
    def items(self) -> list[str]:
        categories = (category.get_absolute_url() for category in Category.objects.all())
        return [reverse("storefront:home"), *categories]

    def location(self, item: str) -> str:
        return item


class Products(Part):
    def items(self) -> Any:
        return Product.objects.on_shelf().order_by("pk").only("slug")


PARTS: dict[str, Any] = {"pages": Places(), "products": Products()}


def whole(request: HttpRequest) -> HttpResponse:
    """All in one file, or, in a large shop, where the parts are."""
    parts = list(_addresses(request))
    return sitemap(request, PARTS) if len(parts) == len(PARTS) else _index(request, parts)


def part(request: HttpRequest, section: str) -> HttpResponse:
    return sitemap(request, PARTS, section)


@x_robots_tag
def _index(request: HttpRequest, parts: list[str]) -> HttpResponse:
    context = {"sitemaps": [SitemapIndexItem(address) for address in parts]}
    return TemplateResponse(
        request, "sitemap_index.xml", context, content_type="application/xml"
    ).render()


def _addresses(request: HttpRequest) -> Iterator[str]:
    for section, each in PARTS.items():
        address = f"{base_url(request)}{reverse('storefront:sitemap-part', args=[section])}"
        for page in range(1, each.paginator.num_pages + 1):
            yield f"{address}?p={page}" if page > 1 else address
