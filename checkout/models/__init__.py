"""Orders, refunds, and what Stripe said about them."""

from checkout.models.order import WAITING, Order, OrderItem, OrderQuerySet
from checkout.models.refund import Refund
from checkout.models.stripe_event import StripeEvent

__all__ = ["WAITING", "Order", "OrderItem", "OrderQuerySet", "Refund", "StripeEvent"]
