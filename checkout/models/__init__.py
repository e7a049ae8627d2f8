"""Orders, refunds, and what Stripe said about them; and when the shop last did its rounds."""

from checkout.models.heartbeat import Heartbeat
from checkout.models.order import WAITING, Order, OrderQuerySet
from checkout.models.order_item import OrderItem
from checkout.models.refund import Refund
from checkout.models.stripe_event import StripeEvent

__all__ = ["WAITING", "Heartbeat", "Order", "OrderItem", "OrderQuerySet", "Refund", "StripeEvent"]
