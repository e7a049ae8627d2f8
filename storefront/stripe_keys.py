"""Reads from the environment what Stripe has to know: what doesn't fit stops the start."""

import re

from django.core.exceptions import ImproperlyConfigured

from storefront.ops import environment as env

LIVE_KEYS = ("sk_live_", "rk_live_", "pk_live_")
# To their ends: Stripe's dashboard shows sk_test_51H…x9 where it hides a key.
SECRET_KEY = re.compile(r"(sk|rk)_(test|live)_\w+", re.ASCII)
PUBLISHABLE_KEY = re.compile(r"pk_(test|live)_\w+", re.ASCII)
WEBHOOK_SECRET = re.compile(r"whsec_[\w+/=-]+", re.ASCII)
COPY_ALL = "Reveal it in Stripe's dashboard and copy all of it"
# What the SDK's type of excluded_payment_method_types lists; a test compares the two.
PAYMENT_METHODS = """
    acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit
    bancontact billie bizum blik boleto card cashapp crypto customer_balance eps fpx giropay
    grabpay ideal kakao_pay klarna konbini kr_card mb_way mobilepay multibanco naver_pay
    nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix promptpay
    revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint upi
    us_bank_account wechat_pay zip
""".split()


def key_pair() -> tuple[str, str]:
    """Return (publishable, secret): both, or neither for the demo."""
    publishable, key = env.text("STRIPE_PUBLISHABLE_KEY"), env.secret("STRIPE_SECRET_KEY")
    if bool(publishable) != bool(key):
        missing = "STRIPE_SECRET_KEY" if publishable else "STRIPE_PUBLISHABLE_KEY"
        raise ImproperlyConfigured(
            f"{missing} is not set, but the other Stripe key is. Set both for real payments, "
            "or neither for the demo shop."
        )
    if key and not SECRET_KEY.fullmatch(key):
        allowed = "sk_ or rk_, then test_ or live_, then letters and digits"
        raise env.refusal("STRIPE_SECRET_KEY", f"{allowed}. {COPY_ALL}")
    if publishable and not PUBLISHABLE_KEY.fullmatch(publishable):
        allowed = "pk_test_ or pk_live_, then letters and digits"
        raise env.refusal("STRIPE_PUBLISHABLE_KEY", f"{allowed}. {COPY_ALL}")
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
    if not all(map(WEBHOOK_SECRET.fullmatch, secrets)):
        allowed = "secrets that begin with whsec_, commas between"
        raise env.refusal("STRIPE_WEBHOOK_SECRET", f"{allowed}. {COPY_ALL}")
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


def excluded_payment_methods() -> list[str]:
    """Return the ways to pay that Stripe's page leaves out."""
    names = [name.lower() for name in env.comma_separated("EXCLUDE_PAYMENT_METHODS")]
    if not {*names} <= {*PAYMENT_METHODS}:
        raise env.refusal("EXCLUDE_PAYMENT_METHODS", ", ".join(PAYMENT_METHODS))
    return list(dict.fromkeys(names))
