"""The shop front: the catalogue, the product pages and the cart."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from storefront.cart import (
    Cart,
    InvalidQuantity,
    Removed,
    cart_of,
    removed_by,
    set_quantity,
    wanted_quantity,
)
from storefront.models import Product
from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.pages import HtmxRequest, SeeOther, page, wants_fragment
from storefront.ops.shopper import set_shopper_cookie, shopper_of, shopper_or_new
from storefront.ops.templatetags.fragment_cache import values_of

SCARCE = 5
HOME, PRODUCT = "storefront/home.html", "storefront/product.html"
PRODUCT_PAGES = "/products/"

products_on_sale = CompiledQuery(lambda: Product.objects.on_sale())
product_at = CompiledQuery(lambda slug: Product.objects.on_sale().filter(slug=slug), str)


@dataclass(frozen=True)
class ProductCard:
    """A product with how many of it are in the cart, and what is wrong with the last wish."""

    product: Product
    cart: Cart
    error: str = ""

    @property
    def quantity(self) -> int:
        return self.cart.quantity_of(self.product)

    @property
    def cache_key(self) -> tuple[object, ...]:
        """All that its card shows: cards with equal keys are rendered once."""
        return values_of(self.product), self.quantity, self.left, self.error

    @property
    def left(self) -> int | None:
        """How many the shopper could have; None if they aren't counted."""
        return self.cart.left_of(self.product)

    @property
    def is_scarce(self) -> bool:
        return self.left is not None and self.left <= SCARCE


@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    context = shop_front(shopper_of(request), removed=_just_removed(request))
    return _forgetting_removed(request, page(request, HOME, context))


@require_safe
def product(request: HtmxRequest, slug: str) -> HttpResponse:
    found = product_at(slug)
    if not found:
        raise Http404
    context = product_page(shopper_of(request), found[0], removed=_just_removed(request))
    return _forgetting_removed(request, page(request, PRODUCT, context))


@require_POST
def cart_line(request: HtmxRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    shopper = shopper_or_new(request)
    try:
        count = set_quantity(shopper, product, wanted_quantity(request.POST))
    except InvalidQuantity as refused:
        answer = _refusal(request, shopper, product, str(refused))
    else:
        answer = _changed(request, shopper, product, Removed(product, count) if count else None)
    return set_shopper_cookie(answer, shopper)


def shop_front(
    shopper: UUID | None,
    *,
    error: str = "",
    at: Product | None = None,
    removed: Removed | None = None,
) -> dict[str, Any]:
    """The home page's context; `error` stands beside the product `at`, else above Buy."""
    products = products_on_sale()
    cart = cart_of(shopper, products)
    return {
        "cart": cart,
        "shelf": [
            ProductCard(product, cart, error if product == at else "") for product in products
        ],
        # A product that is no longer on the shelf has no field to stand beside.
        "cart_error": "" if at and at.is_on_sale else error,
        "removed": _still(removed, cart),
    }


def product_page(
    shopper: UUID | None, product: Product, *, error: str = "", removed: Removed | None = None
) -> dict[str, Any]:
    """The context of one product with the cart beside it."""
    cart = cart_of(shopper, [product])
    return {
        "cart": cart,
        "item": ProductCard(product, cart, error),
        "removed": _still(removed, cart),
        "back_to": "product",
    }


def _refusal(request: HtmxRequest, shopper: UUID, product: Product, words: str) -> HttpResponse:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    if wants_fragment(request):
        cart = cart_of(shopper, [product])
        context = {
            "cart": cart,
            "item": ProductCard(product, cart, words),
            "has_field": _has_field(request, product),
            "cart_error": "" if product.is_on_sale else words,
        }
        return page(request, HOME, context, partial="cart-change", status=status)
    if _is_from_product_page(request) and product.is_on_sale:
        context = product_page(shopper, product, error=words)
        return page(request, PRODUCT, context, status=status)
    return page(request, HOME, shop_front(shopper, error=words, at=product), status=status)


def _changed(
    request: HtmxRequest, shopper: UUID, product: Product, removed: Removed | None
) -> HttpResponse:
    if wants_fragment(request):
        cart = cart_of(shopper, [product])
        context = {
            "cart": cart,
            "item": ProductCard(product, cart),
            "has_field": _has_field(request, product),
            "removed": removed if product.is_on_sale else None,
            # Focus goes on where the button was that is gone now.
            "leads_to_undo": request.htmx.trigger == f"remove-{product.pk}",
            "leads_to_line": product.pk if request.htmx.trigger == "undo" else None,
        }
        return page(request, HOME, context, partial="cart-change")
    is_from_product = _is_from_product_page(request) and product.is_on_sale
    back = product.get_absolute_url() if is_from_product else reverse("storefront:home")
    answer = SeeOther(back)
    if removed and product.is_on_sale:
        _note_removed(answer, removed)
    return answer


def _note_removed(answer: HttpResponse, removed: Removed) -> None:
    """Let the page that the answer leads to offer Undo; once, and not for long."""
    answer.set_cookie(
        settings.REMOVED_COOKIE_NAME,
        removed.note,
        max_age=60,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _just_removed(request: HtmxRequest) -> Removed | None:
    return removed_by(request.COOKIES.get(settings.REMOVED_COOKIE_NAME, ""))


def _forgetting_removed(request: HtmxRequest, answer: HttpResponse) -> HttpResponse:
    if settings.REMOVED_COOKIE_NAME in request.COOKIES:
        answer.delete_cookie(settings.REMOVED_COOKIE_NAME, samesite="Lax")
    return answer


def _has_field(request: HtmxRequest, product: Product) -> bool:
    """Whether the page that asks shows the product: the page of another one does not."""
    shown = _path_of(request.htmx.current_url or "")
    is_product_page = shown.startswith(PRODUCT_PAGES)
    return product.is_on_sale and (not is_product_page or shown == product.get_absolute_url())


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:  # no browser is at such an address
        return ""


def _is_from_product_page(request: HttpRequest) -> bool:
    return request.POST.get("back") == "product"


def _still(removed: Removed | None, cart: Cart) -> Removed | None:
    """Nothing to undo once it is in the cart again."""
    return removed if removed and not cart.quantity_of(removed.product) else None


@require_safe
@cache_control(public=True, max_age=86_400)
def brand(request: HttpRequest) -> HttpResponse:
    """The merchant's colour, which no template may write into the page: styles are files."""
    return render(request, "storefront/brand.css", content_type="text/css")


@require_safe
@cache_control(public=True, max_age=86_400)
def robots(request: HttpRequest) -> HttpResponse:
    return render(request, "storefront/robots.txt", content_type="text/plain")


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """What browsers and robots ask for by this name without being told to."""
    return redirect(static("favicon.ico"))
