"""Builds what comes after a payment: refunds, disputes, and the events about everything."""

import copy

from tools.stripe_stand_in.shapes import API_VERSION, Json, new_id

REFUND_NULLS = """
    customer customer_account reason receipt_number source_transfer_reversal transfer_reversal
"""


def refund(charge: Json, params: Json, *, amount: int, created: int) -> Json:
    """A refund of a charge, settled at once as card refunds are in test mode."""
    return {
        "id": new_id("re"),
        "object": "refund",
        **dict.fromkeys(REFUND_NULLS.split()),
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "destination_details": _destination(charge),
        "metadata": params.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "status": "succeeded",
    }


def _destination(charge: Json) -> Json:
    method = charge["payment_method_details"]["type"]
    if method == "us_bank_account":
        reference: Json = {"reference": None, "reference_status": None}
        return {"type": "us_bank_transfer", "us_bank_transfer": reference}
    if method != "card":
        return {"type": "customer_cash_balance", "customer_cash_balance": {}}
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number"}
    return {"type": "card", "card": {**card, "type": "refund"}}


def acknowledge(refund: Json) -> Json | None:
    """The card network names its reference; what stood there before, or None if nothing moved."""
    card = refund["destination_details"].get("card")
    if card is None:
        return None
    previous = {"destination_details": {"card": {"reference_status": card["reference_status"]}}}
    card.update(reference="5551234567890123", reference_status="available")
    return previous


EVIDENCE = """
    access_activity_log billing_address cancellation_policy cancellation_policy_disclosure
    cancellation_rebuttal customer_communication customer_email_address customer_name
    customer_purchase_ip customer_signature duplicate_charge_documentation
    duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy
    refund_policy_disclosure refund_refusal_explanation service_date service_documentation
    shipping_address shipping_carrier shipping_date shipping_documentation
    shipping_tracking_number uncategorized_file uncategorized_text
"""


DISPUTED_CARD: Json = {
    "brand": "visa",
    "case_type": "chargeback",
    "network": "visa",
    "network_reason_code": "10.4",
}


def dispute(charge: Json, *, created: int) -> Json:
    """A chargeback of the whole charge that waits for the merchant's answer."""
    return {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": created,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": _evidence(charge["billing_details"]["email"]),
        "evidence_details": _evidence_details(due_by=created + 7 * 24 * 60 * 60),
        "intended_submission_method": None,
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"type": "card", "card": copy.deepcopy(DISPUTED_CARD)},
        "reason": "fraudulent",
        "status": "needs_response",
    }


def _evidence(email: str) -> Json:
    given = {"customer_email_address": email, "enhanced_evidence": {}}
    return {**dict.fromkeys(EVIDENCE.split()), **given}


def _evidence_details(*, due_by: int) -> Json:
    return {
        "due_by": due_by,
        "enhanced_eligibility": {},
        "has_evidence": False,
        "past_due": False,
        "submission_count": 0,
        "submission_method": "not_submitted",
    }


def event(type: str, subject: Json, *, created: int, cause: Json, previous: Json | None) -> Json:
    """An event with a snapshot of its object, as it is at this moment."""
    data: Json = {"object": copy.deepcopy(subject)}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": dict(cause),
        "type": type,
    }


def listing(url: str, items: list[Json], has_more: bool) -> Json:
    """One page of a list."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}
