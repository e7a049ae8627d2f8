"""What was sold, for the shelf: `storefront.selling`."""

from collections.abc import Collection

from django.db.models import OuterRef, Subquery

from checkout.models import Order, OrderItem
from storefront.models import Product


def sold_among(products: Collection[int]) -> set[int]:
    """Return those of the products that an order has which is paid, or may still be."""
    came_to_nothing = (Order.Status.EXPIRED, Order.Status.FAILED)
    lines = OrderItem.objects.filter(product=OuterRef("pk")).order_by()
    line = Subquery(lines.exclude(order__status__in=came_to_nothing).values("pk")[:1])
    rows = Product.objects.filter(pk__in=products).order_by().annotate(line=line)
    return set(rows.filter(line__isnull=False).values_list("pk", flat=True))
