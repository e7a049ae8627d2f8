"""My Orders beside the cart: the page is the shop front's, whose view can't import checkout."""

from django import template

from checkout.my_orders import OrderPanel
from checkout.my_orders import my_orders as panel_of
from storefront.ops.shopper import shopper_of

register = template.Library()


@register.simple_tag(takes_context=True)
def my_orders(context: template.Context) -> OrderPanel:
    """`{% my_orders as panel %}`: the visitor's orders, as the address asks for them.

    They are read once in a request, however many blocks of the page use them.
    """
    request = context["request"]
    if not hasattr(request, "order_panel"):
        query = request.GET.dict() | {"cart": "beside"}
        request.order_panel = panel_of(shopper_of(request), query)
    panel: OrderPanel = request.order_panel
    return panel
