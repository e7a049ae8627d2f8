"""What Stripe asks of a Checkout Session beyond the types of its parameters."""

from typing import Any
from urllib.parse import urlsplit

from tools.stripe_stand_in.parameters import missing
from tools.stripe_stand_in.refusals import Refusal

Json = dict[str, Any]

_CURRENCIES = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
    cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq
    gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd
    lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk
    php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top
    try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CURRENCIES.split())
# The last digits of these amounts must be zero: fils are rounded, krónur have no cents any more.
STEPS = {"bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10, "isk": 100, "ugx": 100}
SMALLEST_TOTAL = {
    **{"usd": 50, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "eur": 50, "inr": 50, "jpy": 50},
    **{"nzd": 50, "sgd": 50, "gbp": 30, "bgn": 100, "aed": 200, "myr": 200, "pln": 200, "ron": 200},
    **{"dkk": 250, "nok": 300, "sek": 300, "hkd": 400, "mxn": 1000, "thb": 1000, "czk": 1500},
    "huf": 17500,
}
# How many digits an amount may have beyond eight: as cards take it where that is not much.
_OF_LITTLE_WORTH = """
    bif cdf clp cop crc djf gnf huf jpy khr kmf krw lak lbp mga mmk mnt pyg rwf tzs ugx uzs vnd vuv
    xaf xof xpf
"""
DIGITS = {**dict.fromkeys(_OF_LITTLE_WORTH.split(), 10), "inr": 9, "idr": 12}
MOST_LINES = 100
SOONEST, LATEST = 30 * 60, 24 * 60 * 60

# A parameter that the real API takes and the stand-in doesn't act on is refused in plain words,
# so that silence is not taken for an effect.
_PLAYED = """
    mode line_items success_url cancel_url client_reference_id customer_email expires_at metadata
    payment_intent_data ui_mode locale submit_type billing_address_collection expand currency
    integration_identifier origin_context allowed_payment_method_types
    excluded_payment_method_types shipping_address_collection shipping_options discounts
    phone_number_collection branding_settings automatic_tax allow_promotion_codes custom_text
    consent_collection
"""
PLAYED = frozenset(_PLAYED.split())
_OF_PAYMENT = "metadata description receipt_email statement_descriptor statement_descriptor_suffix"
PLAYED_INSIDE = {
    "payment_intent_data": frozenset(_OF_PAYMENT.split()),
    "line_items": frozenset({"price_data", "quantity", "metadata"}),
    "price_data": frozenset({"currency", "unit_amount", "product_data", "tax_behavior"}),
}


def check_session(params: Json, now: int) -> None:
    """Refuse the parameters of a session that Stripe, or this stand-in, wouldn't open."""
    _check_played(params)
    _check_mode(params)
    _check_urls(params)
    _check_words(params)
    _check_expiry(params, now)
    _check_lines(params["line_items"])
    _check_total(params["line_items"])
    if params.get("currency", currency_of(params)) != currency_of(params):
        raise Refusal("The currency differs from the line items' currency.", param="currency")


def currency_of(params: Json) -> str:
    """The currency of a checked request: all its lines have the same."""
    currency: str = params["line_items"][0]["price_data"]["currency"]
    return currency.lower()


def total_of(lines: list[Json]) -> int:
    """What the lines cost together, in the currency's smallest unit."""
    return sum(line["price_data"]["unit_amount"] * line.get("quantity", 1) for line in lines)


def _check_played(params: Json) -> None:
    refuse_unplayed(params, PLAYED, "")
    refuse_unplayed(
        params.get("payment_intent_data", {}),
        PLAYED_INSIDE["payment_intent_data"],
        "payment_intent_data",
    )
    for index, line in enumerate(params.get("line_items", [])):
        path = f"line_items[{index}]"
        refuse_unplayed(line, PLAYED_INSIDE["line_items"], path)
        refuse_unplayed(
            line.get("price_data", {}), PLAYED_INSIDE["price_data"], f"{path}[price_data]"
        )


def refuse_unplayed(params: Json, played: frozenset[str], path: str) -> None:
    """Refuse in plain words what the stand-in doesn't act on."""
    for name in params:
        if name not in played:
            param = f"{path}[{name}]" if path else name
            raise Refusal(f"Stripe takes {param}, but its stand-in doesn't play it.", param=param)


def _check_mode(params: Json) -> None:
    if "mode" not in params:
        raise missing("mode")
    if params["mode"] != "payment":
        raise Refusal("The stand-in plays mode=payment alone.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise Refusal("The stand-in plays ui_mode=hosted_page alone.", param="ui_mode")
    if not params.get("line_items"):
        raise missing("line_items")
    if not params.get("success_url"):
        raise missing("success_url")


def _check_urls(params: Json) -> None:
    for name in ("success_url", "cancel_url"):
        if name in params and not _is_url(params[name]):
            raise Refusal("Not a valid URL", code="url_invalid", param=name)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme in ("http", "https") and parts.hostname and len(text) <= 5000)
    except ValueError:
        return False


def _check_words(params: Json) -> None:
    if len(params.get("client_reference_id", "")) > 200:
        raise Refusal("client_reference_id is longer than 200.", param="client_reference_id")
    if "client_reference_id" in params and not params["client_reference_id"]:
        raise _empty("client_reference_id")
    email = params.get("customer_email")
    if email is not None and not is_email(email):
        raise Refusal(
            f"Invalid email address: {email}", code="email_invalid", param="customer_email"
        )
    check_metadata(params.get("metadata"), "metadata")
    payment = params.get("payment_intent_data", {})
    check_metadata(payment.get("metadata"), "payment_intent_data[metadata]")


def is_email(text: str) -> bool:
    """Whether Stripe would take the text for an address: one @, something on both sides."""
    name, at, host = text.partition("@")
    return bool(name and at and "." in host.strip(".") and "@" not in host and " " not in text)


def check_metadata(metadata: dict[str, str] | None, path: str) -> None:
    """Refuse metadata beyond 50 keys, 40 characters a key, 500 a value."""
    metadata = metadata or {}
    if len(metadata) > 50:
        raise Refusal("You may only specify up to 50 metadata keys.", param=path)
    for key, value in metadata.items():
        if len(key) > 40 or not key:
            raise Refusal(f"Metadata keys can have up to 40 characters: {key}", param=path)
        if len(value) > 500:
            message = f"Metadata values can have up to 500 characters, {key} has {len(value)}."
            raise Refusal(message, param=f"{path}[{key}]")


def _check_expiry(params: Json, now: int) -> None:
    expires_at = params.get("expires_at")
    if expires_at is None:
        return
    # A second of grace: the caller's clock was read before the request travelled.
    if expires_at < now + SOONEST - 1:
        message = "The `expires_at` timestamp must be at least 30 minutes from session creation."
        raise Refusal(message, param="expires_at")
    if expires_at > now + LATEST:
        message = "The `expires_at` timestamp must be less than 24 hours from session creation."
        raise Refusal(message, param="expires_at")


def _check_lines(lines: list[Json]) -> None:
    if len(lines) > MOST_LINES:
        raise Refusal("Only 100 line items are allowed.", param="line_items")
    for index, line in enumerate(lines):
        _check_line(line, f"line_items[{index}]")
    if len({line["price_data"]["currency"].lower() for line in lines}) > 1:
        message = "All prices on a Checkout Session must have the same currency."
        raise Refusal(message, param="line_items")


def _check_line(line: Json, path: str) -> None:
    if "price_data" not in line:
        raise missing(f"{path}[price_data]")
    if "quantity" not in line:
        raise missing(f"{path}[quantity]")
    if line["quantity"] < 1:
        message = "Quantity must be greater than 0."
        raise Refusal(message, code="parameter_invalid_integer", param=f"{path}[quantity]")
    if line["quantity"] > 999_999:
        raise Refusal("Quantity must be at most 999999.", param=f"{path}[quantity]")
    check_metadata(line.get("metadata"), f"{path}[metadata]")
    _check_price(line["price_data"], f"{path}[price_data]")


def _check_price(price: Json, path: str) -> None:
    currency = price["currency"].lower()
    if currency not in CURRENCIES:
        raise Refusal(f"Invalid currency: {price['currency']}", param=f"{path}[currency]")
    if "unit_amount" not in price:
        raise missing(f"{path}[unit_amount]")
    if price["unit_amount"] < 0:
        message = "Invalid non-negative integer"
        raise Refusal(message, code="parameter_invalid_integer", param=f"{path}[unit_amount]")
    step = STEPS.get(currency, 1)
    if price["unit_amount"] % step:
        message = f"Invalid amount: in {currency} it must be divisible by {step}."
        raise Refusal(message, param=f"{path}[unit_amount]")
    _check_product(price, path)


def _check_product(price: Json, path: str) -> None:
    if "product_data" not in price:
        raise missing(f"{path}[product_data]")
    product = price["product_data"]
    if not product["name"].strip():
        raise _empty(f"{path}[product_data][name]")
    if product.get("description") == "":
        raise _empty(f"{path}[product_data][description]")
    if len(product.get("images", [])) > 8:
        raise Refusal("At most 8 images.", param=f"{path}[product_data][images]")
    check_metadata(product.get("metadata"), f"{path}[product_data][metadata]")


def _empty(param: str) -> Refusal:
    message = f"You passed an empty string for '{param}'."
    return Refusal(message, code="parameter_invalid_empty", param=param)


def _check_total(lines: list[Json]) -> None:
    total, currency = total_of(lines), lines[0]["price_data"]["currency"].lower()
    if len(str(total)) > DIGITS.get(currency, 8):
        message = f"The Checkout Session's total amount is too large for {currency}."
        raise Refusal(message, code="amount_too_large", param="line_items")
    if 0 < total < SMALLEST_TOTAL.get(currency, 1):
        message = "The Checkout Session's total amount due must add up to at least 50 cents."
        raise Refusal(message, code="amount_too_small", param="line_items")
