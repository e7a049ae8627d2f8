"""What Stripe asks of delivery, tax, codes and looks, beyond the types of the parameters."""

from typing import Any
from urllib.parse import urlsplit

from tools.stripe_stand_in.parameters import missing
from tools.stripe_stand_in.refusals import Refusal

Json = dict[str, Any]
NO_TERMS = (
    "You cannot collect consent to your terms of service unless a URL is set in the Stripe "
    "Dashboard."
)
TAX_REFUSALS = {
    "no_head_office": "You must have a valid head office address to enable automatic tax "
    "calculation in test mode.",
    "not_activated": "Stripe Tax has not been activated on your account.",
}


def check_extras(params: Json, currency: str, account: Json) -> None:
    """Refuse what hosted Checkout refuses besides the goods."""
    _check_options(params.get("shipping_options", []), currency)
    _check_looks(params)
    if "allow_promotion_codes" in params and "discounts" in params:
        message = "You may only specify one of these parameters: allow_promotion_codes, discounts."
        raise Refusal(message, param="allow_promotion_codes")
    if len(params.get("discounts", [])) > 1:
        raise Refusal("Only one discount is allowed.", param="discounts")
    if params.get("automatic_tax", {}).get("enabled"):
        _check_tax(params, account)
    consent = params.get("consent_collection", {})
    if consent.get("terms_of_service") == "required" and not account["terms"]:
        raise Refusal(NO_TERMS, param="consent_collection[terms_of_service]")


def _check_options(options: list[Json], currency: str) -> None:
    if len(options) > 5:
        raise Refusal("You may only specify up to 5 shipping options.", param="shipping_options")
    for index, option in enumerate(options):
        path = f"shipping_options[{index}]"
        if "shipping_rate_data" not in option:
            message = f"The stand-in plays shipping_rate_data alone, not {path}[shipping_rate]."
            raise Refusal(message, param=path)
        _check_rate(option["shipping_rate_data"], f"{path}[shipping_rate_data]", currency)


def _check_rate(rate: Json, path: str, currency: str) -> None:
    if "fixed_amount" not in rate:
        raise missing(f"{path}[fixed_amount]")
    price = rate["fixed_amount"]
    if price["amount"] < 0:
        message, param = "Invalid non-negative integer", f"{path}[fixed_amount][amount]"
        raise Refusal(message, code="parameter_invalid_integer", param=param)
    if price["currency"].lower() != currency:
        message = "The shipping rate's currency differs from the line items' currency."
        raise Refusal(message, param=f"{path}[fixed_amount][currency]")
    for name, bound in rate.get("delivery_estimate", {}).items():
        if bound and bound["value"] < 1:
            param = f"{path}[delivery_estimate][{name}][value]"
            raise Refusal("Value must be greater than 0.", param=param)


def _check_looks(params: Json) -> None:
    if {"logo", "icon"} <= params.get("branding_settings", {}).keys():
        raise Refusal("You may only specify one of logo, icon.", param="branding_settings")
    for name, text in params.get("custom_text", {}).items():
        if text and len(text["message"]) > 1200:
            param = f"custom_text[{name}][message]"
            raise Refusal("A text can have up to 1200 characters.", param=param)
    for index, line in enumerate(params["line_items"]):
        for place, url in enumerate(line["price_data"]["product_data"].get("images", [])):
            if urlsplit(url).scheme not in ("http", "https"):
                path = f"line_items[{index}][price_data][product_data][images][{place}]"
                raise Refusal("Not a valid URL", code="url_invalid", param=path)


def _check_tax(params: Json, account: Json) -> None:
    if account["tax"] in TAX_REFUSALS:
        raise Refusal(TAX_REFUSALS[account["tax"]], param="automatic_tax[enabled]")
    prices = [line["price_data"] for line in params["line_items"]]
    rates = [option["shipping_rate_data"] for option in params.get("shipping_options", [])]
    for price in prices + rates:
        if price.get("tax_behavior", "unspecified") == "unspecified":
            message = "A price needs a tax_behavior to be used with automatic tax."
            raise Refusal(message, param="automatic_tax[enabled]")
