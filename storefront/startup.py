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
    if not settings.STRIPE_WEBHOOK_SECRET:
        logger.warning(
            "STRIPE_WEBHOOK_SECRET is not set: no payment can be confirmed. Set it to the "
            "whsec_... of your webhook endpoint, or of `stripe listen`."
        )
