"""Works out a session's amounts from what was offered and what the shopper chose."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tools.stripe_stand_in.refusals import Refusal
from tools.stripe_stand_in.rules import SMALLEST_TOTAL

Json = dict[str, Any]


def rounded(amount: Decimal) -> int:
    """Whole minor units, halves up."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def reckon(
    session: Json, lines: list[Json], option: Json | None, coupon: Json | None, rate: Decimal
) -> tuple[Json, list[Json]]:
    """The session's and the lines' amounts; `rate` is 0 while no tax is known."""
    subtotal = sum(line["amount_subtotal"] for line in lines)
    discount = _discount(coupon, subtotal)
    counted = spent = 0
    changes = []
    for line in lines:
        counted += line["amount_subtotal"]
        share = (rounded(Decimal(discount * counted) / subtotal) if subtotal else 0) - spent
        spent += share
        left = line["amount_subtotal"] - share
        tax, total = _taxed(left, line["price"]["tax_behavior"], rate)
        changes.append({"amount_discount": share, "amount_tax": tax, "amount_total": total})
    cost = _shipping_cost(option, rate) if option else None
    taxes = [change["amount_tax"] for change in changes] + [cost["amount_tax"] if cost else 0]
    total = sum(change["amount_total"] for change in changes)
    total += cost["amount_total"] if cost else 0
    if discount and 0 < total < SMALLEST_TOTAL.get(session["currency"], 1):
        message = "This code leaves less than can be charged."
        raise Refusal(message, code="amount_too_small", param="code")
    details = {
        "amount_discount": discount,
        "amount_shipping": cost["amount_subtotal"] if cost else 0,
        "amount_tax": sum(taxes),
    }
    return {"amount_total": total, "total_details": details, "shipping_cost": cost}, changes


def _discount(coupon: Json | None, subtotal: int) -> int:
    if not coupon:
        return 0
    if coupon["percent_off"] is not None:
        return rounded(subtotal * Decimal(str(coupon["percent_off"])) / 100)
    return min(subtotal, int(coupon["amount_off"]))


def _taxed(amount: int, behavior: str, rate: Decimal) -> tuple[int, int]:
    if behavior == "inclusive":
        return amount - rounded(amount * 100 / (100 + rate)), amount
    tax = rounded(amount * rate / 100)
    return tax, amount + tax


def _shipping_cost(option: Json, rate: Decimal) -> Json:
    amount = option["fixed_amount"]["amount"]
    tax, total = _taxed(amount, option["tax_behavior"], rate)
    return {
        "amount_subtotal": amount,
        "amount_tax": tax,
        "amount_total": total,
        "shipping_rate": option["id"],
    }
