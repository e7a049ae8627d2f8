"""Orders, refunds, what Stripe said about them, what was written; and who does the rounds."""

from checkout.models.heartbeat import Heartbeat
from checkout.models.lease import Lease
from checkout.models.message import Message
from checkout.models.order import Order
from checkout.models.order_item import OrderItem
from checkout.models.order_queries import WAITING, OrderQuerySet
from checkout.models.refund import Refund
from checkout.models.stripe_event import StripeEvent

__all__ = [
    "WAITING",
    "Heartbeat",
    "Lease",
    "Message",
    "Order",
    "OrderItem",
    "OrderQuerySet",
    "Refund",
    "StripeEvent",
]
