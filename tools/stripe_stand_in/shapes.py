"""Builds the objects that Stripe sends, with every field that the real ones hold."""

import copy
import secrets
import string
from typing import Any

Json = dict[str, Any]

API_VERSION = "2026-10-28.endive"
ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh id with Stripe's prefix and length."""
    return prefix + "_" + "".join(secrets.choice(ALPHABET) for _ in range(length))


def _nulls(names: str) -> Json:
    return dict.fromkeys(names.split())


SESSION_NULLS = """
    after_expiration allow_promotion_codes allowed_payment_method_types billing_address_collection
    cancel_url client_reference_id client_secret collected_information consent consent_collection
    currency_conversion customer customer_account customer_details customer_email discounts
    integration_identifier invoice locale origin_context payment_intent payment_link
    payment_method_configuration_details permissions recovered_from saved_payment_method_options
    setup_intent shipping_address_collection shipping_cost submit_type subscription
    wallet_options
"""


HOSTED_PAGE: Json = {"success_url": None, "ui_mode": "hosted_page"}
BY_CARD: Json = {
    "payment_method_collection": "if_required",
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "payment_method_types": ["card"],
}


def session(params: Json, *, created: int, url_base: str, totals: Json) -> Json:
    """An open Checkout Session for checked parameters; its line items are kept apart."""
    id = new_id("cs_test", 58)
    return {
        "id": id,
        "object": "checkout.session",
        **_nulls(SESSION_NULLS),
        **totals,
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": created,
        "custom_fields": [],
        "custom_text": _nulls("after_submit shipping_address submit terms_of_service_acceptance"),
        "customer_creation": "if_required",
        "invoice_creation": _invoice_creation(),
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "mode": "payment",
        **copy.deepcopy(BY_CARD),
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        **HOSTED_PAGE,
        "url": f"{url_base}/c/pay/{id}",
        **_echoed(params),
        **_extras(params),
        "expires_at": params.get("expires_at", created + 24 * 60 * 60),
    }


def _echoed(params: Json) -> Json:
    echoed = """
        cancel_url success_url client_reference_id customer_email locale metadata submit_type
        billing_address_collection integration_identifier origin_context
        allowed_payment_method_types excluded_payment_method_types
    """
    return {name: params[name] for name in echoed.split() if name in params}


def _extras(params: Json) -> Json:
    words = "allow_promotion_codes shipping_address_collection phone_number_collection"
    extras = {name: params[name] for name in words.split() if name in params}
    if params.get("automatic_tax", {}).get("enabled"):
        status = {"provider": "stripe", "status": "requires_location_inputs"}
        extras["automatic_tax"] = {"enabled": True, "liability": {"type": "self"}, **status}
    if "consent_collection" in params:
        nulls = _nulls("payment_method_reuse_agreement promotions terms_of_service")
        extras["consent_collection"] = {**nulls, **params["consent_collection"]}
    if "custom_text" in params:
        nulls = _nulls("after_submit shipping_address submit terms_of_service_acceptance")
        extras["custom_text"] = {**nulls, **params["custom_text"]}
    return extras


def shipping_rate(data: Json, *, created: int) -> Json:
    """The rate that an option's `shipping_rate_data` makes."""
    estimate, price = data.get("delivery_estimate"), data["fixed_amount"]
    return {
        "id": new_id("shr"),
        "object": "shipping_rate",
        "active": False,
        "created": created,
        "delivery_estimate": estimate and {**_nulls("maximum minimum"), **estimate},
        "display_name": data["display_name"],
        "fixed_amount": {"amount": price["amount"], "currency": price["currency"].lower()},
        "livemode": False,
        "metadata": data.get("metadata", {}),
        "tax_behavior": data.get("tax_behavior", "unspecified"),
        "tax_code": data.get("tax_code"),
        "type": "fixed_amount",
    }


def _invoice_creation() -> Json:
    nulls = "account_tax_ids custom_fields description footer issuer rendering_options"
    return {"enabled": False, "invoice_data": {**_nulls(nulls), "metadata": {}}}


def totals(amount: int, currency: str) -> Json:
    """The amounts of a session without discounts, shipping or tax."""
    return {
        "amount_subtotal": amount,
        "amount_total": amount,
        "currency": currency,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    }


def product(data: Json, *, created: int) -> Json:
    """The product that `price_data` makes for one line."""
    return {
        "id": new_id("prod", 14),
        "object": "product",
        **_nulls("default_price package_dimensions shippable statement_descriptor tax_code"),
        **_nulls("unit_label url"),
        "active": False,
        "created": created,
        "description": data.get("description"),
        "images": data.get("images", []),
        "livemode": False,
        "marketing_features": [],
        "metadata": data.get("metadata", {}),
        "name": data["name"],
        "type": "service",
        "updated": created,
    }


def line_item(line: Json, *, created: int, product: str) -> Json:
    """One line of a session, with the price that its `price_data` made."""
    price = line["price_data"]
    amount = price["unit_amount"] * line["quantity"]
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"].lower(),
        "description": price["product_data"]["name"],
        "metadata": line.get("metadata", {}),
        "price": _price(price, created, product),
        "quantity": line["quantity"],
    }


def _price(price: Json, created: int, product: str) -> Json:
    nulls = "custom_unit_amount lookup_key nickname recurring tiers_mode transform_quantity"
    return {
        "id": new_id("price"),
        "object": "price",
        **_nulls(nulls),
        "active": False,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": price["currency"].lower(),
        "livemode": False,
        "metadata": {},
        "product": product,
        "tax_behavior": price.get("tax_behavior", "unspecified"),
        "type": "one_time",
        "unit_amount": price["unit_amount"],
        "unit_amount_decimal": str(price["unit_amount"]),
    }


def customer_details(email: str) -> Json:
    """The customer, as far as the hosted page asked."""
    nulls = "business_name individual_name name phone"
    return {
        **_nulls(nulls),
        "address": {**_nulls("city line1 line2 state postal_code"), "country": "US"},
        "email": email,
        "tax_exempt": "none",
        "tax_ids": [],
    }


INTENT_NULLS = """
    allowed_payment_method_types application application_fee_amount automatic_payment_methods
    canceled_at cancellation_reason customer customer_account description
    excluded_payment_method_types last_payment_error latest_charge managed_payments next_action
    on_behalf_of payment_method payment_method_configuration_details payment_record processing
    receipt_email review setup_future_usage shipping source statement_descriptor
    statement_descriptor_suffix transfer_group
"""


def payment_intent(session: Json, data: Json, *, method: str, created: int) -> Json:
    """The PaymentIntent that a session makes once the shopper confirms."""
    id = new_id("pi")
    return {
        "id": id,
        "object": "payment_intent",
        **_nulls(INTENT_NULLS),
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic_async",
        "client_secret": f"{id}_{new_id('secret', 25)}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": session["currency"],
        "livemode": False,
        "metadata": {},
        "payment_method_options": _method_options(method),
        "payment_method_types": [method],
        "status": "requires_payment_method",
        **copy.deepcopy(data),
    }


def _method_options(method: str) -> Json:
    card = {**_nulls("installments mandate_options network"), "request_three_d_secure": "automatic"}
    options: Json = {"card": card, "customer_balance": {"funding_type": "bank_transfer"}}
    return {method: options.get(method, {})}


CHARGE_NULLS = """
    application application_fee application_fee_amount customer
    description failure_balance_transaction failure_code failure_message on_behalf_of
    receipt_email receipt_number review shipping source source_transfer statement_descriptor
    statement_descriptor_suffix transfer_data transfer_group
"""


def charge(intent: Json, *, email: str, created: int) -> Json:
    """The charge of a PaymentIntent; a delayed method's charge begins as pending."""
    method = intent["payment_method_types"][0]
    id = new_id("py" if method != "card" else "ch")
    return {
        "id": id,
        "object": "charge",
        **_nulls(CHARGE_NULLS),
        **_amounts(intent["amount"]),
        "balance_transaction": None,
        "billing_details": {**_nulls("name phone tax_id"), "address": _address(), "email": email},
        "calculated_statement_descriptor": "STOREFRONT",
        "captured": True,
        "created": created,
        "currency": intent["currency"],
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": copy.deepcopy(intent["metadata"]),
        "outcome": _outcome(),
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": _method_details(method, intent["amount"]),
        "radar_options": {},
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{id}",
        "refunded": False,
        "status": "succeeded" if method == "card" else "pending",
    }


def balance_transaction(charge: Json, *, created: int) -> Json:
    """How a charge comes to the merchant's balance: less 2.9 % and 30 of the smallest unit."""
    fee = charge["amount"] * 29 // 1000 + 30
    detail = {"amount": fee, "application": None, "currency": charge["currency"]}
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": charge["amount"],
        "available_on": created + 2 * 24 * 60 * 60,
        "balance_type": "payments",
        "created": created,
        "currency": charge["currency"],
        "description": charge["description"],
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [
            {**detail, "description": "Stripe processing fees", "type": "stripe_fee"},
        ],
        "net": charge["amount"] - fee,
        "reporting_category": "charge",
        "source": charge["id"],
        "status": "pending",
        "type": "charge" if charge["id"].startswith("ch_") else "payment",
    }


def _amounts(amount: int) -> Json:
    return {"amount": amount, "amount_captured": amount, "amount_refunded": 0}


def _address() -> Json:
    return {**_nulls("city line1 line2 state postal_code"), "country": "US"}


def _outcome() -> Json:
    return {
        **_nulls("advice_code network_advice_code network_decline_code reason"),
        "network_status": "approved_by_network",
        "risk_level": "normal",
        "risk_score": 7,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }


def _method_details(method: str, amount: int) -> Json:
    if method == "card":
        return {"type": "card", "card": _card(amount)}
    if method == "customer_balance":
        return {"type": method, method: {}}
    bank = {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "fingerprint": new_id("fp", 16)[3:],
        "last4": "6789",
        "payment_reference": None,
        "routing_number": "110000000",
    }
    return {"type": method, method: bank}


def _card(amount: int) -> Json:
    nulls = """
        authorization_code electronic_commerce_indicator installments mandate three_d_secure
        transaction_link_id wallet
    """
    checks = {**_nulls("address_line1_check address_postal_code_check"), "cvc_check": "pass"}
    return {
        **_nulls(nulls),
        "amount_authorized": amount,
        "brand": "visa",
        "checks": checks,
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": new_id("fp", 16)[3:],
        "funding": "credit",
        "last4": "4242",
        "network": "visa",
        "network_transaction_id": new_id("n", 15)[2:],
        "regulated_status": "unregulated",
    }
