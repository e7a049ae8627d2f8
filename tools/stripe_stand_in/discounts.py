"""Coupons, and the codes that shoppers type for them."""

from typing import Any

from tools.stripe_stand_in.parameters import missing
from tools.stripe_stand_in.refusals import Refusal
from tools.stripe_stand_in.rules import CURRENCIES, check_metadata, refuse_unplayed

Json = dict[str, Any]
COUPON = frozenset("id name percent_off amount_off currency duration metadata expand".split())
CODE = frozenset("code promotion active expires_at max_redemptions metadata expand".split())


def check_coupon(params: Json) -> None:
    """Refuse a coupon that Stripe, or this stand-in, wouldn't make."""
    refuse_unplayed(params, COUPON, "")
    check_metadata(params.get("metadata") or None, "metadata")
    if {"percent_off", "amount_off"} <= params.keys():
        message = "You may only specify one of these parameters: amount_off, percent_off."
        raise Refusal(message, param="amount_off")
    if "percent_off" in params and not 0 < float(params["percent_off"]) <= 100:
        message = "Invalid percent_off: it must be greater than 0 and at most 100."
        raise Refusal(message, param="percent_off")
    if "percent_off" not in params:
        _check_amount(params)


def _check_amount(params: Json) -> None:
    for name in ("amount_off", "currency"):
        if name not in params:
            raise missing(name)
    if params["amount_off"] < 1:
        message = "Invalid positive integer"
        raise Refusal(message, code="parameter_invalid_integer", param="amount_off")
    if params["currency"].lower() not in CURRENCIES:
        raise Refusal(f"Invalid currency: {params['currency']}", param="currency")


def coupon(params: Json, *, id: str, created: int) -> Json:
    """A coupon by checked parameters."""
    nulls = "amount_off currency duration_in_months max_redemptions"
    percent = params.get("percent_off")
    return {
        "id": id,
        "object": "coupon",
        **dict.fromkeys(nulls.split()),
        "created": created,
        "duration": "once",
        "livemode": False,
        "metadata": {},
        "name": None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
        **params,
        "percent_off": None if percent is None else float(percent),
    }


def promotion_code(params: Json, *, id: str, code: str, created: int) -> Json:
    """A code for a coupon, by checked parameters."""
    return {
        "id": id,
        "object": "promotion_code",
        **dict.fromkeys("customer customer_account expires_at max_redemptions".split()),
        "active": True,
        "created": created,
        "livemode": False,
        "metadata": {},
        "restrictions": {
            **dict.fromkeys(("minimum_amount", "minimum_amount_currency")),
            "first_time_transaction": False,
        },
        "times_redeemed": 0,
        **params,
        "code": code,
    }


def can_be_redeemed(code: Json, coupon: Json, currency: str, now: int) -> bool:
    """Whether a shopper who pays in that currency can use it now."""
    most, over = code["max_redemptions"], code["expires_at"]
    is_left = most is None or code["times_redeemed"] < most
    is_current = code["active"] and (over is None or over > now)
    return is_left and is_current and coupon["currency"] in (None, currency)
