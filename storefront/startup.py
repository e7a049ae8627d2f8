"""What a server logs when it starts; a command starts without a word."""

import logging

from django.conf import settings

from storefront.ops import mail_url

logger = logging.getLogger(__name__)


def log_mode() -> None:
    """Log whether payments are real, and whether mails are sent."""
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
    if "default" not in settings.MAILERS:
        logger.warning("No mail is sent, and messages wait at the desk: MAIL_URL says how.")
    elif settings.MAILERS["default"] == mail_url.TERMINAL:
        logger.info("Mails are printed, since there is no MAIL_URL.")
