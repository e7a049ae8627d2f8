"""A private link shows one order to anyone who has its address, until it is revoked.

The signature keeps guesses away from the database; the nonce on the order ends with the link.
"""

import re
import secrets
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.http import Http404
from django.urls import reverse

from checkout.models import Order

CONTENT = re.compile(r"(?P<pk>[0-9a-f]{32})(?P<nonce>[0-9a-f]{32})")


def make_link(order: Order) -> None:
    """Let a private link show this order; of two callers, both get the first one's."""
    if not order.link_nonce:
        Order.objects.filter(pk=order.pk, link_nonce="").update(link_nonce=secrets.token_hex(16))
        order.refresh_from_db(fields=["link_nonce"])


def revoke_link(order: Order) -> None:
    """Let the address show nothing any more; the next link gets another one."""
    Order.objects.filter(pk=order.pk).update(link_nonce="")
    order.refresh_from_db(fields=["link_nonce"])


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
