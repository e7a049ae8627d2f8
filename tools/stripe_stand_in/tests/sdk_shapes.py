"""Where an object of ours differs from what the SDK's annotations say about it."""

import typing
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import stripe
import stripe.checkout
import stripe.tax

from tools.stripe_stand_in.tests.shop import Json

# Fields that the real objects hold only sometimes. Every other field of the SDK's class has to
# be there, be it null.
SOMETIMES = {
    "checkout.session": """
        branding_settings excluded_payment_method_types line_items name_collection optional_items
        presentment_details redirect_on_completion return_url tax_id_collection
    """,
    "item": "discounts taxes",
    "price": "currency_options deleted tiers",
    "product": "deleted tax_details",
    "charge": "authorization_code level3 presentment_details refunds transfer",
    "balance_transaction": "",
    "payment_intent": "hooks payment_details presentment_details transfer_data",
    "refund": """
        description destination_details failure_balance_transaction failure_reason next_action
        instructions_email pending_reason presentment_details
    """,
    "dispute": "network_reason_code",
    "event": "account context",
    "coupon": "applies_to currency_options deleted",
    "promotion_code": "",
    "shipping_rate": "",
    # A merchant's own key does not see all of these.
    "account": """
        company controller deleted external_accounts future_requirements groups individual
        tos_acceptance
    """,
    "webhook_endpoint": "deleted secret",
    "tax.settings": "",
    "tax.registration": "",
}


CLASSES: dict[str, type] = {
    "checkout.session": stripe.checkout.Session,
    "item": stripe.LineItem,
    "price": stripe.Price,
    "product": stripe.Product,
    "charge": stripe.Charge,
    "payment_intent": stripe.PaymentIntent,
    "balance_transaction": stripe.BalanceTransaction,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "coupon": stripe.Coupon,
    "promotion_code": stripe.PromotionCode,
    "shipping_rate": stripe.ShippingRate,
    "account": stripe.Account,
    "webhook_endpoint": stripe.WebhookEndpoint,
    "tax.settings": stripe.tax.Settings,
    "tax.registration": stripe.tax.Registration,
    "list": stripe.ListObject,
}


class Names(dict[str, Any]):
    """The names in the SDK's annotations that it imports for type checkers alone."""

    def __missing__(self, name: str) -> Any:
        return getattr(stripe, name, Any)


def fields_of(kind: type) -> Json:
    hints = typing.get_type_hints(kind, localns=Names())
    return {
        name: hint
        for name, hint in hints.items()
        if not name.startswith("_") and get_origin(hint) is not typing.ClassVar
    }


def mismatches(value: Any, hint: Any, path: str) -> list[str]:
    """Where a value of ours differs from what the SDK says about it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar):
        return known_mismatches(value, path) if isinstance(value, dict) else []
    if origin in (Union, UnionType):
        return union_mismatches(value, arguments, path)
    if origin is Literal:
        return [] if value in arguments else [f"{path}: {value!r} is not one of {arguments}"]
    if origin is list and isinstance(value, list):
        return [
            m for n, each in enumerate(value) for m in mismatches(each, arguments[0], f"{path}.{n}")
        ]
    if origin is dict or (isinstance(origin, type) and issubclass(origin, stripe.StripeObject)):
        known = isinstance(value, dict) and value.get("object") in CLASSES
        return known_mismatches(value, path) if known else wrong(value, dict, path)
    if isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        return object_mismatches(value, hint, path)
    return wrong(value, str if hint is Decimal else hint, path)


def wrong(value: Any, kind: type, path: str) -> list[str]:
    return [] if type(value) is kind else [f"{path}: {value!r} is no {kind.__name__}"]


def union_mismatches(value: Any, kinds: tuple[Any, ...], path: str) -> list[str]:
    if value is None:
        return [] if NoneType in kinds else [f"{path}: null"]
    has_words = any(get_origin(kind) is Literal for kind in kinds)
    rest = [kind for kind in kinds if kind is not NoneType and not (has_words and kind is str)]
    tries = [mismatches(value, kind, path) for kind in rest]
    return min(tries, key=len)


def object_mismatches(value: Any, kind: type, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no {kind.__name__}"]
    fields = fields_of(kind)
    found = [f"{path}.{name}: unknown to the SDK" for name in value.keys() - fields.keys()]
    for name, hint in fields.items():
        if name in value:
            found += mismatches(value[name], hint, f"{path}.{name}")
        elif NoneType not in get_args(hint):
            found.append(f"{path}.{name}: missing")
    return found


def known_mismatches(value: Json, path: str) -> list[str]:
    kind = value["object"]
    if kind == "list":
        # The SDK's class leaves its own name to each kind of list.
        page = {name: value[name] for name in value if name != "object"}
        return object_mismatches(page, CLASSES["list"], path)
    always = fields_of(CLASSES[kind]).keys() - set(SOMETIMES[kind].split())
    missing = [f"{path}.{name}: missing" for name in always - value.keys()]
    return missing + object_mismatches(value, CLASSES[kind], path)
