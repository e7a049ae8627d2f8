"""Whatever a signed delivery looks like: never a 500, and never PAID without fitting money."""

import copy
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout.models import Order, StripeEvent
from tests.cast import deliver, event_about
from tests.races.chaos import in_proof

ODD = st.sampled_from(
    [None, "", 0, -1, 1, 1.5, True, False, [], {}, [None], {"id": None}, {"id": {"id": "x"}}]
) | st.sampled_from(
    ["\x00", "\ud800", "é", "paid", "x" * 65_536, 10**30, -(10**30), [[]], {"": {}}],
)
EXAMPLES = in_proof(200, otherwise=20)
KINDS = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.refunded",
    "refund.created",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.closed",
]


@st.composite
def harm(draw: Any) -> list[tuple[str, Any]]:
    """Choose what stands at some places of a delivery, or that nothing does."""
    fields = st.sampled_from(
        "id type created livemode data data.object api_version data.object.id "
        "data.object.payment_status data.object.amount_total data.object.currency "
        "data.object.metadata data.object.metadata.order_id data.object.client_reference_id "
        "data.object.payment_intent data.object.customer_details data.object.mode "
        "data.object.customer_details.email data.object.livemode data.object.amount "
        "data.object.amount_refunded data.object.status data.object.unknown account".split()
    )
    changes: list[tuple[str, Any]] = draw(
        st.lists(st.tuples(fields, ODD | st.just(...)), min_size=1, max_size=4)
    )
    return changes


def harmed(event: Any, changes: list[tuple[str, Any]]) -> Any:
    event = copy.deepcopy(event)
    for path, value in changes:
        *way, last = path.split(".")
        place = event
        for step in way:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
            if value is not ...:
                place[last] = copy.deepcopy(value)
    return event


def fits(event: Any, order: Order) -> bool:
    session = event["data"]["object"]
    return (
        session["payment_status"] in ("paid", "no_payment_required")
        and type(session["amount_total"]) is int
        and session["amount_total"] == order.total_cents
        and session["currency"] == order.currency
        and session["id"] == order.session_id
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=harm())
def test_odd_values_anywhere_are_borne(
    pending_order: Order, kind: str, changes: list[tuple[str, Any]]
):
    StripeEvent.objects.all().delete()
    is_back = not kind.startswith("checkout.")
    Order.objects.filter(pk=pending_order.pk).update(
        status="PAID" if is_back else "PENDING",
        paid_at=timezone.now() if is_back else None,
        payment_intent=f"pi_{pending_order.pk.hex}" if is_back else "",
        review_reason="",
        refunded_cents=0,
    )
    money: dict[str, Any] = {"amount": 2_999, "amount_refunded": 2_999, "status": "lost"}
    if is_back:
        money["id"] = "re_1"
    event = harmed(event_about(pending_order, kind, **money), changes)
    assert deliver(event).status_code in (200, 400)
    pending_order.refresh_from_db()
    if not is_back and pending_order.status == "PAID":
        assert fits(event, pending_order)


OLD: dict[str, dict[str, Any]] = {
    "2020-08-27": {
        "billing_address_collection": None,
        "customer": "cus_1",
        "customer_details": {"email": "ada@example.com", "tax_exempt": "none", "tax_ids": []},
        "customer_email": None,
        "display_items": None,
        "locale": None,
        "payment_method_types": ["card"],
        "setup_intent": None,
        "shipping": None,
        "shipping_address_collection": None,
        "submit_type": None,
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_tax": 0},
    },
    "2022-08-01": {"customer_details": None, "customer_email": "ada@example.com", "url": None},
    "2023-08-16": {"customer_details": {"email": "ada@example.com"}, "custom_fields": []},
    "2031-01-01.future": {"brand_new": {"deep": [1, {"x": None}]}, "customer_details": ["?"]},
}


@pytest.mark.parametrize("version", OLD)
def test_shapes_of_other_versions_are_understood(pending_order: Order, version: str):
    event = event_about(pending_order, **OLD[version]) | {"api_version": version}
    event["data"]["object"].pop("status")
    assert deliver(event).status_code == 200
    pending_order.refresh_from_db()
    assert pending_order.status == "PAID"
    assert pending_order.email == ("" if "future" in version else "ada@example.com")


def test_an_old_expired_session_names_its_payment_intent(pending_order: Order):
    event = event_about(pending_order, "checkout.session.expired", payment_status="unpaid")
    assert event["data"]["object"]["payment_intent"]
    deliver(event)
    pending_order.refresh_from_db()
    assert (pending_order.status, pending_order.payment_intent) == ("EXPIRED", "")


def test_a_refund_of_old_names_is_heard(pending_order: Order):
    deliver(event_about(pending_order))
    refund: dict[str, Any] = {"id": "re_1", "amount": 2_999, "status": "succeeded"}
    deliver(event_about(pending_order, "charge.refund.updated", **refund))
    pending_order.refresh_from_db()
    assert (pending_order.status, pending_order.refunded_cents) == ("REFUNDED", 2_999)


@pytest.mark.parametrize("name", ["x" * 65_536, "\x00", "\ud800", "é" * 9_000])
def test_a_long_or_broken_type_is_borne(pending_order: Order, name: str):
    assert deliver(event_about(pending_order, name)).status_code in (200, 400)
