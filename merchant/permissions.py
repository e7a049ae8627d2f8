"""Which of Django's permissions show what at the desk; of several, any one is enough."""

from django.http import HttpRequest

SEE_ORDERS = ("checkout.view_order", "checkout.change_order")
SEE_PRODUCTS = ("storefront.view_product", "storefront.change_product")
# A packer sees what an order comes to, and nothing more of its payment.
SEE_MONEY = "checkout.view_refund"
SEE_MESSAGES = "checkout.view_message"
SEE_EVENTS = "checkout.view_stripeevent"


def may_any(request: HttpRequest, permissions: tuple[str, ...]) -> bool:
    return any(map(request.user.has_perm, permissions))
