"""What is bought leaves the cart: when it is paid, or when a bank begins to pay for it."""

from datetime import datetime

from django.db import connection
from django.db.models import F, OuterRef, Subquery

from checkout.models import Order, OrderItem
from storefront.models import MAX_QUANTITY, CartLine
from storefront.ops.compiled_queries import adapted

# In SQL, since the ORM takes as long to compile it as a whole webhook takes.
TAKE_WHOLE_LINES = """
    DELETE FROM storefront_cartline WHERE shopper = %s AND quantity <= (
        SELECT bought.quantity FROM checkout_orderitem bought
        WHERE bought.order_id = %s AND bought.product_id = storefront_cartline.product_id
        AND bought.from_cart IS NULL
    )
"""
# In SQL, since another tab may be adding the same product: the ORM's upsert can't add up.
PUT_BACK = """
    INSERT INTO storefront_cartline (shopper, product_id, quantity, price_cents_then, changed_at)
    SELECT %s, product_id, from_cart, unit_price_cents, %s FROM checkout_orderitem
    WHERE order_id = %s AND from_cart > 0 AND product_id IS NOT NULL ORDER BY product_id
    ON CONFLICT (shopper, product_id) DO UPDATE SET changed_at = excluded.changed_at, quantity =
        CASE WHEN storefront_cartline.quantity + excluded.quantity > %s THEN %s
        ELSE storefront_cartline.quantity + excluded.quantity END
"""


def take(order: Order, lines_in_cart: int) -> None:
    """Take what was paid out of the cart, unless it was set aside; what was added since stays."""
    if not lines_in_cart:
        return
    with connection.cursor() as cursor:
        cursor.execute(TAKE_WHOLE_LINES, [adapted(order.shopper), adapted(order.pk)])
        gone = cursor.rowcount
    if gone < lines_in_cart:
        items = order.items.filter(from_cart=None)
        bought = items.filter(product=OuterRef("product")).values("quantity")
        # Another tab may have lowered one since.
        lines = CartLine.objects.filter(
            shopper=order.shopper,
            product__in=items.values("product"),
            quantity__gt=Subquery(bought),
        )
        lines.update(quantity=F("quantity") - Subquery(bought))


def set_aside(order: Order) -> None:
    """Take what a bank is paying for out of the cart, and note how many of each there were."""
    items = {item.product_id: item for item in order.items.all()}
    for item in items.values():
        item.from_cart = 0
    lines = CartLine.objects.for_shopper(order.shopper).filter(product__in=items)
    for line in lines.select_for_update().order_by("product_id"):
        item = items[line.product_id]
        item.from_cart = min(item.quantity, line.quantity)
        if item.from_cart == line.quantity:
            line.delete()
        else:
            CartLine.objects.filter(pk=line.pk).update(quantity=F("quantity") - item.from_cart)
    OrderItem.objects.bulk_update(items.values(), ["from_cart"])


def put_back(order: Order, now: datetime) -> None:
    """Put what was set aside into the cart again, beside what was added since."""
    at = connection.ops.adapt_datetimefield_value(now)
    most = [MAX_QUANTITY] * 2
    with connection.cursor() as cursor:
        cursor.execute(PUT_BACK, [adapted(order.shopper), at, adapted(order.pk), *most])
        if cursor.rowcount:
            Order.objects.filter(pk=order.pk).update(put_back_at=now)
    order.items.update(from_cart=None)
