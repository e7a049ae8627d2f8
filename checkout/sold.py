"""What was sold, for the shelf: `storefront.selling`."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import OuterRef, Subquery, Sum

from checkout.models import Order, OrderItem
from storefront.models import Product


def sold_among(products: Collection[int]) -> set[int]:
    """Return those of the products that an order has which is paid, or may still be."""
    came_to_nothing = (Order.Status.EXPIRED, Order.Status.FAILED)
    lines = OrderItem.objects.filter(product=OuterRef("pk")).order_by()
    line = Subquery(lines.exclude(order__status__in=came_to_nothing).values("pk")[:1])
    rows = Product.objects.filter(pk__in=products).order_by().annotate(line=line)
    return set(rows.filter(line__isnull=False).values_list("pk", flat=True))


def pieces_sold(since: datetime, most_orders: int) -> tuple[dict[int, int], bool]:
    """Return how many of each product were sold, and whether that is all.

    No more than the newest orders are added up: a merchant waits for the answer.
    """
    sold = Order.objects.sold().filter(paid_at__gte=since)
    newest = list(sold.order_by("-paid_at").values_list("pk", flat=True)[: most_orders + 1])
    # Of some products alone: SQLite would as soon look among all sales of these.
    items = OrderItem.objects.filter(order__in=newest[:most_orders])
    pieces = items.order_by().values_list("product").annotate(Sum("quantity"))
    return dict(pieces), len(newest) <= most_orders
