"""Orders, refunds, and what Stripe said about them; who does the worker's rounds, and when."""

from checkout.models.heartbeat import Heartbeat
from checkout.models.lease import Lease
from checkout.models.order import WAITING, Order, OrderQuerySet
from checkout.models.order_item import OrderItem
from checkout.models.refund import Refund
from checkout.models.stripe_event import StripeEvent

__all__ = [
    "WAITING",
    "Heartbeat",
    "Lease",
    "Order",
    "OrderItem",
    "OrderQuerySet",
    "Refund",
    "StripeEvent",
]
