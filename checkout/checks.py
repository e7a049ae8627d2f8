"""What `manage.py check --deploy` says about payments."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from storefront.ops.pages import payment_mode


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


@register(deploy=True)
def real_money(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Strangers can find the shop: do they pay? A public demo, or a public test, is meant so."""
    mode = payment_mode()
    if mode == "live" or not settings.IS_PUBLIC:
        return []
    problem = {
        "demo": "This shop is public and a demo: it has no Stripe keys, and Buy charges nothing.",
        "test": "This shop is public and has Stripe's test keys: no payment moves money.",
    }
    hint = "Set STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY to the live keys to take money."
    number = {"demo": "1", "test": "2"}[mode]
    return [Warning(problem[mode], hint=hint, id=f"checkout.W00{number}")]
