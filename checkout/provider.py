"""Who takes payments and pays them back: Stripe, or the demo that plays it."""

from types import ModuleType

from django.conf import settings

from checkout import demo, gateway


def stripe() -> ModuleType:
    """Return the module to ask: both have what ordering and refunds need."""
    return demo if settings.STRIPE_DEMO_MODE else gateway
