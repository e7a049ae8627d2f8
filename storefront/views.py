"""The shop front: the catalogue, the product pages and the cart."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from storefront.cart import (
    Cart,
    InvalidQuantity,
    Removed,
    cart_of,
    requested_quantity,
    set_quantity,
)
from storefront.models import Product
from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.pages import HtmxRequest, SeeOther, page, wants_fragment
from storefront.ops.shopper import set_shopper_cookie, shopper_of, shopper_or_new
from storefront.ops.templatetags.fragment_cache import values_of
from storefront.undo import delete_removed_cookie, removed_before, set_removed_cookie

SCARCE = 5
HOME, PRODUCT = "storefront/home.html", "storefront/product.html"
PRODUCT_PAGES = "/products/"

products_on_sale = CompiledQuery(lambda: Product.objects.on_sale())
product_at = CompiledQuery(lambda slug: Product.objects.on_sale().filter(slug=slug), str)


@dataclass(frozen=True)
class ProductCard:
    """A product with its quantity in the cart, and what was wrong with the one last entered."""

    product: Product
    cart: Cart
    error: str = ""

    @property
    def cache_key(self) -> tuple[object, ...]:
        """All that the card shows: two cards of one key are rendered once."""
        return values_of(self.product), self.quantity, self.left, self.error

    @property
    def quantity(self) -> int:
        return self.cart.quantity_of(self.product)

    @property
    def left(self) -> int | None:
        """How many the shopper could have; None if they aren't counted."""
        return self.cart.left_of(self.product)

    @property
    def is_scarce(self) -> bool:
        return self.left is not None and self.left <= SCARCE


@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    return _page_with_undo(request, HOME, shop_front(shopper_of(request)))


@require_safe
def product(request: HtmxRequest, slug: str) -> HttpResponse:
    found = product_at(slug)
    if not found:
        raise Http404
    return _page_with_undo(request, PRODUCT, product_page(shopper_of(request), found[0]))


@require_POST
def cart_line(request: HtmxRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    shopper = shopper_or_new(request)
    removed, error = None, ""
    try:
        removed = set_quantity(shopper, product, requested_quantity(request.POST))
    except InvalidQuantity as refused:
        error = str(refused)
    if wants_fragment(request):
        response = _changed_parts(request, shopper, product, removed, error)
    elif error:
        response = _refusal(request, shopper, product, error)
    else:
        response = _way_back(request, product, removed)
    return set_shopper_cookie(response, shopper)


def shop_front(
    shopper: UUID | None, *, error: str = "", about: Product | None = None
) -> dict[str, Any]:
    """The home page's context; an error stands beside the product it is `about`, else above Buy."""
    products = products_on_sale()
    cart = cart_of(shopper, products)
    return {
        "cart": cart,
        "cards": [
            ProductCard(product, cart, error if product == about else "") for product in products
        ],
        # A product that is no longer on the shelf has no field to stand beside.
        "cart_error": "" if about and about.is_on_sale else error,
    }


def product_page(shopper: UUID | None, product: Product, *, error: str = "") -> dict[str, Any]:
    """The context of one product with the cart beside it."""
    cart = cart_of(shopper, [product])
    return {"cart": cart, "card": ProductCard(product, cart, error), "back_to": "product"}


def _page_with_undo(request: HtmxRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    removed = removed_before(request, context["cart"])
    response = page(request, template, context | {"removed": removed})
    delete_removed_cookie(request, response)
    return response


def _changed_parts(
    request: HtmxRequest, shopper: UUID, product: Product, removed: Removed | None, error: str
) -> HttpResponse:
    """Answer htmx with the cart, and the product's quantity if the page shows it."""
    cart = cart_of(shopper, [product])
    context = {
        "cart": cart,
        "card": ProductCard(product, cart, error),
        "is_card_shown": _shows(request, product),
        "cart_error": "" if product.is_on_sale else error,
        "removed": removed,
        # The pressed button is gone: the focus goes to the one in its place.
        "focus_undo": request.htmx.trigger == f"remove-{product.pk}",
        "focus_remove": product.pk if request.htmx.trigger == "undo" else None,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return page(request, "storefront/_cart_change.html", context, status=status)


def _refusal(request: HtmxRequest, shopper: UUID, product: Product, error: str) -> HttpResponse:
    """Show the page of a plain form again, with what is wrong beside the field."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if _is_from_its_page(request, product):
        return page(request, PRODUCT, product_page(shopper, product, error=error), status=status)
    return page(request, HOME, shop_front(shopper, error=error, about=product), status=status)


def _way_back(request: HtmxRequest, product: Product, removed: Removed | None) -> HttpResponse:
    """Lead a plain form back to its page, which offers Undo."""
    home, own_page = reverse("storefront:home"), product.get_absolute_url()
    response = SeeOther(own_page if _is_from_its_page(request, product) else home)
    if removed:
        set_removed_cookie(response, removed)
    return response


def _is_from_its_page(request: HttpRequest, product: Product) -> bool:
    """Whether a form comes from the product's own page, which is gone once it isn't sold."""
    return product.is_on_sale and request.POST.get("back") == "product"


def _shows(request: HtmxRequest, product: Product) -> bool:
    """Whether the page that asks shows the product: the page of another one does not."""
    path = _path_of(request.htmx.current_url or "")
    is_product_page = path.startswith(PRODUCT_PAGES)
    return product.is_on_sale and (not is_product_page or path == product.get_absolute_url())


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # no browser is at such an address
        return ""
