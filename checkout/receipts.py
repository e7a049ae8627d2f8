"""A private link to one order: for whoever has the address, until it is revoked.

The signature keeps guesses away from the database; the nonce, which is on the order, dies with
the link.
"""

import re
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.http import Http404
from django.urls import reverse

from checkout.models import Order

CONTENT = re.compile(r"(?P<pk>[0-9a-f]{32})(?P<nonce>[0-9a-f]{32})")


def address_of(order: Order) -> str:
    """Return the path of the order's private link, or nothing if it has none."""
    if not order.link_nonce:
        return ""
    token = _signer().sign(order.pk.hex + order.link_nonce)
    return reverse("checkout:receipt", args=[token])


def order_at(token: str) -> Order:
    """Return the order that the link shows; Http404 if it was revoked, or was never made."""
    try:
        content = CONTENT.fullmatch(_signer().unsign(token))
    except BadSignature:
        raise Http404 from None
    if not content:
        raise Http404
    order = Order.objects.filter(pk=UUID(content["pk"]), link_nonce=content["nonce"]).first()
    if not order:
        raise Http404
    return order


def _signer() -> Signer:
    return Signer(salt="checkout.receipts", sep=".")
