"""What `manage.py check --deploy` says about payments."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register(deploy=True)
def webhook_secret(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Without the signing secret every payment would stay unconfirmed."""
    if settings.STRIPE_DEMO_MODE or settings.STRIPE_WEBHOOK_SECRET:
        return []
    return [
        Error(
            "STRIPE_WEBHOOK_SECRET is not set, so no payment can be confirmed.",
            hint="Copy the signing secret (whsec_...) of your webhook endpoint in Stripe.",
            id="checkout.E001",
        )
    ]
