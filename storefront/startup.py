"""What a server logs when it starts; a command starts without a word."""

import logging

from django.conf import settings

logger = logging.getLogger(__name__)


def log_mode() -> None:
    """Log whether payments are real."""
    if settings.STRIPE_DEMO_MODE:
        logger.info("No Stripe keys. Demo mode ENABLED: nothing is charged.")
        return
    logger.info("✓ Stripe keys detected. Real Stripe mode ENABLED.")
    if settings.IS_PUBLIC and not settings.STRIPE_LIVE_MODE:
        logger.warning("The keys are of Stripe's test mode: no payment moves money.")
    if not settings.STRIPE_WEBHOOK_SECRET:
        logger.warning(
            "STRIPE_WEBHOOK_SECRET is not set: no payment can be confirmed. Set it to the "
            "whsec_... of your webhook endpoint, or of `stripe listen`."
        )
