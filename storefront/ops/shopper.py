"""Knows a shopper by a random id in a signed cookie; there are no accounts."""

from uuid import UUID, uuid4

from django.conf import settings
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponseBase

# Not renamed with the module: cookies that shoppers have would count no more.
SALT = "storefront.shopper"
ONE_YEAR = 365 * 24 * 60 * 60


def shopper_of(request: HttpRequest) -> UUID | None:
    """Return the shopper's id; None on a first visit, and for a cookie the shop didn't sign."""
    attributes = vars(request)  # so that the signature is checked once per request
    if "shopper" not in attributes:
        attributes["shopper"] = _id_in_cookie(request)
    shopper: UUID | None = attributes["shopper"]
    return shopper


def shopper_or_new(request: HttpRequest) -> UUID:
    """Return the shopper's id, or a new one that the answer has to set (`set_shopper_cookie`)."""
    return shopper_of(request) or uuid4()


def set_shopper_cookie[Response: HttpResponseBase](response: Response, shopper: UUID) -> Response:
    """Let the browser keep the id for a year from now."""
    response.set_signed_cookie(
        settings.SHOPPER_COOKIE_NAME,
        str(shopper),
        salt=SALT,
        max_age=ONE_YEAR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",  # Strict would lose the shopper on the way back from Stripe
    )
    return response


def _id_in_cookie(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.get_signed_cookie(settings.SHOPPER_COOKIE_NAME, salt=SALT))
    except (KeyError, BadSignature, ValueError):
        return None
