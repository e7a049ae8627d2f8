"""Orders beside the cart: the pages are the shop front's, whose views can't import checkout."""

from django import template

from checkout.bills import Bill, bill_of
from checkout.models import Order, OrderItem
from checkout.my_orders import OrderPanel, orders_being_confirmed
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
        # `page` is the shelf's there.
        query = request.GET.dict() | {"cart": "beside", "page": ""}
        request.order_panel = panel_of(shopper_of(request), query)
    panel: OrderPanel = request.order_panel
    return panel


@register.simple_tag
def bill(order: Order, items: list[OrderItem]) -> Bill:
    """`{% bill order items as bill %}`: the parts of its total."""
    return bill_of(order, items)


@register.simple_tag(takes_context=True)
def order_being_confirmed(context: template.Context) -> Order | None:
    """`{% order_being_confirmed as order %}`: the one that the visitor need not pay again."""
    panel: OrderPanel | None = context.get("panel")
    orders = panel.orders if panel else orders_being_confirmed(shopper_of(context["request"]))
    return next((order for order in orders if order.is_being_confirmed), None)
