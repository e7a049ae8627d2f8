"""Undo without scripts: a cookie names to the next page what was removed from the cart."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from storefront.cart import WHOLE_NUMBER, Cart, Removed
from storefront.models import MAX_QUANTITY, Product


def set_removed_cookie(response: HttpResponse, removed: Removed) -> None:
    """Let the page that the response leads to offer Undo; once, and not for long."""
    response.set_cookie(
        settings.REMOVED_COOKIE_NAME,
        f"{removed.quantity}x{removed.product.pk}",
        max_age=60,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def removed_before(request: HttpRequest, cart: Cart) -> Removed | None:
    """Return what the cookie says, unless it is in the cart again.

    A cookie is never trusted; this one only fills a form.
    """
    quantity, _, pk = request.COOKIES.get(settings.REMOVED_COOKIE_NAME, "").partition("x")
    if not (WHOLE_NUMBER.fullmatch(pk) and WHOLE_NUMBER.fullmatch(quantity)):
        return None
    if not 0 < int(quantity) <= MAX_QUANTITY:
        return None
    product = Product.objects.on_sale().filter(pk=int(pk)).first()
    return Removed(product, int(quantity)) if product and not cart.quantity_of(product) else None


def delete_removed_cookie(request: HttpRequest, response: HttpResponse) -> None:
    if settings.REMOVED_COOKIE_NAME in request.COOKIES:
        response.delete_cookie(settings.REMOVED_COOKIE_NAME, samesite="Lax")
