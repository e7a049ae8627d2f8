"""The shop front: the catalogue, the cart and the health of the process."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from storefront.cart import Cart, InvalidQuantity, cart_of, set_quantity, wanted_quantity
from storefront.models import Product
from storefront.pages import HtmxRequest, SeeOther, page, wants_fragment
from storefront.shopper import remember, shopper_of, shopper_or_new

SCARCE = 5


@dataclass(frozen=True)
class ShelfItem:
    """A product with how many of it are in the cart, and what is wrong with the last wish."""

    product: Product
    cart: Cart
    error: str = ""

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
    return page(request, "storefront/home.html", shop_front(shopper_of(request)))


@require_POST
def cart_line(request: HtmxRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    shopper = shopper_or_new(request)
    error = ""
    try:
        set_quantity(shopper, product, wanted_quantity(request.POST))
    except InvalidQuantity as refused:
        error = str(refused)
    return remember(_cart_answer(request, shopper, product, error), shopper)


def shop_front(
    shopper: UUID | None, *, error: str = "", at: Product | None = None
) -> dict[str, Any]:
    """The home page's context; `error` stands beside the product `at`, else above Buy."""
    cart = cart_of(shopper)
    return {
        "cart": cart,
        "shelf": [
            ShelfItem(product, cart, error if product == at else "")
            for product in Product.objects.on_sale()
        ],
        # A product that is no longer on the shelf has no field to stand beside.
        "cart_error": "" if at and at.is_on_sale else error,
    }


def _cart_answer(request: HtmxRequest, shopper: UUID, product: Product, error: str) -> HttpResponse:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    if wants_fragment(request):
        cart = cart_of(shopper)
        context = {
            "cart": cart,
            "item": ShelfItem(product, cart, error),
            "cart_error": "" if product.is_on_sale else error,
        }
        return page(request, "storefront/home.html", context, partial="cart-change", status=status)
    if error:
        context = shop_front(shopper, error=error, at=product)
        return page(request, "storefront/home.html", context, status=status)
    return SeeOther(reverse("storefront:home"))


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and no migration is pending; 503 otherwise."""
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        return HttpResponse("migrations are pending: run manage.py migrate\n", "text/plain", 503)
    return HttpResponse("ready\n", content_type="text/plain")
