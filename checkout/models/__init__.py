"""Orders, refunds, what Stripe said about them and what was written to whom; and the rounds."""

from checkout.models.heartbeat import Heartbeat
from checkout.models.message import Message
from checkout.models.order import WAITING, Order, OrderQuerySet
from checkout.models.order_item import OrderItem
from checkout.models.refund import Refund
from checkout.models.stripe_event import StripeEvent

__all__ = [
    "WAITING",
    "Heartbeat",
    "Message",
    "Order",
    "OrderItem",
    "OrderQuerySet",
    "Refund",
    "StripeEvent",
]
