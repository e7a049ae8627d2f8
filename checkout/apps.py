"""Says at the start which mode the shop is in."""

import logging

from django.apps import AppConfig
from django.conf import settings

logger = logging.getLogger("checkout")


class CheckoutConfig(AppConfig):
    name = "checkout"

    def ready(self) -> None:
        from checkout import checks  # noqa: F401  (registers the deployment check)
        from checkout.metrics import OrdersAndEvents
        from storefront.ops.metrics import asked_for

        asked_for.register(OrdersAndEvents())
        if settings.STRIPE_DEMO_MODE:
            logger.info("No Stripe keys. Demo mode ENABLED: nothing is charged.")
            return
        logger.info("✓ Stripe keys detected. Real Stripe mode ENABLED.")
        if not settings.STRIPE_WEBHOOK_SECRET:
            logger.warning(
                "STRIPE_WEBHOOK_SECRET is not set: no payment can be confirmed. Set it to the "
                "whsec_... of your webhook endpoint, or of `stripe listen`."
            )
