from typing import Any

from django import template

from checkout.my_orders import my_orders as panel_of
from storefront.ops.shopper import shopper_of

register = template.Library()


@register.simple_tag(takes_context=True)
def my_orders(context: template.Context) -> Any:
    """`{% my_orders as panel %}`: the visitor's orders beside the cart, as the address asks."""
    request = context["request"]
    query = request.GET.dict() | {"cart": "beside"}
    return panel_of(shopper_of(request), query)
