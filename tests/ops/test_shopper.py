"""The shopper's cookie: signed, and good for longer than a release."""

from uuid import UUID

from django.http import HttpRequest

from storefront.ops.shopper import shopper_of

ADA = "7f1d0e0c-5a8e-4f5e-9b55-1d6f0a3f2c11"
# As the shop's first release set it, with the key of the tests.
COOKIE = f"{ADA}:1xWNB2:nJOaLpbeD1nGqJKSx9e1hcLnv3GTPrUJaAuUottkAuo"


def shopper_with(cookie: str) -> UUID | None:
    request = HttpRequest()
    request.COOKIES = {"shopper": cookie}
    return shopper_of(request)


def test_a_cookie_of_an_earlier_release_still_counts():
    assert shopper_with(COOKIE) == UUID(ADA)


def test_a_cookie_that_was_changed_counts_as_none():
    assert shopper_with(COOKIE.replace("7f1d", "7f1e")) is None
    assert shopper_with(ADA) is None
