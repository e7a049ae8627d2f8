"""Reads Stripe's keys from the environment: they fit together, or the start stops."""

from django.core.exceptions import ImproperlyConfigured

from storefront.ops import environment as env

LIVE_KEYS = ("sk_live_", "rk_live_", "pk_live_")
SECRET_KEYS = ("sk_test_", "rk_test_", "sk_live_", "rk_live_")
PUBLISHABLE_KEYS = ("pk_test_", "pk_live_")


def key_pair() -> tuple[str, str]:
    """Return (publishable, secret): both, or neither for the demo."""
    publishable, key = env.text("STRIPE_PUBLISHABLE_KEY"), env.secret("STRIPE_SECRET_KEY")
    if bool(publishable) != bool(key):
        missing = "STRIPE_SECRET_KEY" if publishable else "STRIPE_PUBLISHABLE_KEY"
        raise ImproperlyConfigured(
            f"{missing} is not set, but the other Stripe key is. Set both for real payments, "
            "or neither for the demo shop."
        )
    if key and not key.startswith(SECRET_KEYS):
        raise env.refusal(
            "STRIPE_SECRET_KEY", "a key that begins with sk_ or rk_, then test_ or live_"
        )
    if publishable and not publishable.startswith(PUBLISHABLE_KEYS):
        raise env.refusal("STRIPE_PUBLISHABLE_KEY", "a key that begins with pk_test_ or pk_live_")
    if key.startswith(LIVE_KEYS) != publishable.startswith(LIVE_KEYS):
        raise ImproperlyConfigured(
            "STRIPE_PUBLISHABLE_KEY and STRIPE_SECRET_KEY mix test and live mode. "
            "Take both from the same page of Stripe's dashboard."
        )
    return publishable, key


def webhook_secret() -> str:
    """Return the signing secret; two with a comma between while one is being rolled."""
    env.secret("STRIPE_WEBHOOK_SECRET")
    secrets = env.comma_separated("STRIPE_WEBHOOK_SECRET")
    if not all(value.startswith("whsec_") for value in secrets):
        raise env.refusal("STRIPE_WEBHOOK_SECRET", "secrets that begin with whsec_, commas between")
    return ",".join(secrets)


def api_base(secret_key: str) -> str:
    """Return where a local stand-in for Stripe answers; refused for keys that could move money."""
    base = env.origin("STRIPE_API_BASE")
    if base and secret_key and secret_key.startswith(LIVE_KEYS):
        raise ImproperlyConfigured(
            "STRIPE_API_BASE sends payments to a stand-in and needs test keys, "
            "but STRIPE_SECRET_KEY is a live one. Remove STRIPE_API_BASE."
        )
    return base
