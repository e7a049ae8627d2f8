"""Delivery, tax and codes: what is refused, and amounts that add up."""

from typing import Any

import pytest
import stripe

from tools.stripe_stand_in import Refusal, StandIn
from tools.stripe_stand_in.tests.shop import Json, call, client, create, opened, refused, tea

pytestmark = pytest.mark.once
TO_GERMANY: Json = {"shipping_address_collection": {"allowed_countries": ["DE"]}}


def parcel(cents: int = 490, behavior: str = "exclusive", currency: str = "usd") -> Json:
    price = {"amount": cents, "currency": currency}
    rate = {"type": "fixed_amount", "display_name": "Parcel", "fixed_amount": price}
    days = {"minimum": 2, "maximum": 4}
    estimate = {name: {"unit": "business_day", "value": value} for name, value in days.items()}
    rate |= {"delivery_estimate": estimate, "metadata": {"rate": "7"}}
    return {"shipping_rate_data": {**rate, "tax_behavior": behavior}}


def taxed(behavior: str) -> Json:
    line = tea(price={"tax_behavior": behavior, "unit_amount": 1000})
    taxes = {"automatic_tax": {"enabled": True}, "shipping_options": [parcel(behavior=behavior)]}
    return {"line_items": [line], "allow_promotion_codes": True, **TO_GERMANY, **taxes}


class TestWhatIsTakenBesidesTheGoods:
    def test_the_first_delivery_is_chosen_until_another_is(self, s: StandIn) -> None:
        session = create(s, shipping_options=[parcel(), parcel(990)], **TO_GERMANY)
        assert session["amount_total"] == 5998 + 490
        assert session["shipping_cost"]["shipping_rate"].startswith("shr_")
        paid = s.pay(session["id"], shipping=1)
        assert paid["amount_total"] == 5998 + 990
        assert paid["collected_information"]["shipping_details"]["address"]["country"] == "DE"
        intent = s.ledger.payment_intents[paid["payment_intent"]]
        assert intent["amount"] == 6988
        assert intent["shipping"]["address"]["country"] == "DE"

    @pytest.mark.parametrize("verb", ["pay", "pay_later"])
    @pytest.mark.parametrize(
        ("behavior", "tax", "total"), [("exclusive", 435, 2725), ("inclusive", 365, 2290)]
    )
    def test_tax_is_on_what_is_left_after_the_code(
        self, s: StandIn, verb: str, behavior: str, tax: int, total: int
    ) -> None:
        s.promotion_code("TEN", percent_off=10)
        id = create(s, **taxed(behavior))["id"]
        assert s.session(id)["automatic_tax"]["status"] == "requires_location_inputs"
        paid = getattr(s, verb)(id, code="ten")
        parts = {"amount_discount": 200, "amount_shipping": 490, "amount_tax": tax}
        assert (paid["total_details"], paid["amount_total"]) == (parts, total)
        lines = s.ledger.lines[id]
        cost = paid["shipping_cost"]["amount_total"]
        assert sum(line["amount_total"] for line in lines) + cost == total
        assert paid["automatic_tax"]["status"] == "complete"

    def test_a_whole_discount_leaves_the_delivery(self, s: StandIn) -> None:
        s.promotion_code("ALL", percent_off=100)
        extras: Json = {"allow_promotion_codes": True}
        free = s.pay(opened(s, **extras), code="ALL")
        assert (free["payment_status"], free["payment_intent"]) == ("no_payment_required", None)
        sent = s.pay(opened(s, shipping_options=[parcel()], **TO_GERMANY, **extras), code="ALL")
        assert (sent["payment_status"], sent["amount_total"]) == ("paid", 490)

    def test_the_page_asks_for_it(self, s: StandIn) -> None:
        id = opened(s, **taxed("exclusive"), phone_number_collection={"enabled": True})
        page = call(s, "GET", f"/c/pay/{id}")[1]["text"]
        for name in ("name", "country", "shipping", "code", "phone"):
            assert f"name='{name}'" in page
        assert "<option value='DE'>Germany</option>" in page
        assert "Parcel, 2 business days to 4 business days, 4.90 USD" in page
        form = {"action": "pay", "email": "bo@example.com", "name": "Bo", "country": "FR"}
        assert "problem=address" in call(s, "POST", f"/c/pay/{id}", form)[2]["Location"]
        call(s, "POST", f"/c/pay/{id}", {**form, "country": "DE"})
        assert s.session(id)["customer_details"]["name"] == "Bo"

    def press(self, s: StandIn, id: str, action: str, **said: str) -> tuple[str, str]:
        """Press a button of the page; where it leads to, and what is read there."""
        form = {"action": action, "email": "bo@example.com", **said}
        place = str(call(s, "POST", f"/c/pay/{id}", form)[2]["Location"])
        return place, str(call(s, "GET", place)[1]["text"]) if place.startswith("/") else ""

    def test_the_page_shows_the_total_before_anything_is_paid(self, s: StandIn) -> None:
        s.promotion_code("TEN", percent_off=10)
        id = opened(s, **taxed("exclusive"))
        said = {"country": "DE", "city": "Zwickau", "shipping": "0", "code": "ten"}
        page = self.press(s, id, "update", **said)[1]
        for words in ("Goods", "-2.00 USD", "4.90 USD", "4.35 USD", "Pay 27.25 USD", "'Zwickau'"):
            assert words in page
        assert s.session(id)["status"] == "open"
        assert s.session(id)["collected_information"] is None
        assert "Pay 29.63 USD" in self.press(s, id, "update", **{**said, "code": ""})[1]
        self.press(s, id, "pay", **said)
        assert s.session(id)["amount_total"] == 2725

    @pytest.mark.parametrize(
        ("code", "words"),
        [("MANY", "less than can be charged"), ("NONE", "invalid"), ("EURO", "invalid")],
    )
    def test_the_page_says_what_is_wrong_with_a_code(
        self, s: StandIn, code: str, words: str
    ) -> None:
        s.promotion_code("MANY", percent_off=99.9)
        s.promotion_code("EURO", amount_off=100, currency="eur")
        id = opened(s, allow_promotion_codes=True)
        for action in ("update", "pay", "pay_later"):
            page = self.press(s, id, action, code=code)[1]
            assert words in page
            assert f"value='{code}'" in page
        assert (s.session(id)["status"], s.session(id)["amount_total"]) == ("open", 5998)

    def test_a_code_is_redeemed_as_often_as_it_may_be(self, s: StandIn) -> None:
        sdk, once = client(s).v1, opened(s, allow_promotion_codes=True)
        coupon = sdk.coupons.create({"percent_off": 10, "id": "ten"})
        promotion: Any = {"type": "coupon", "coupon": coupon.id}
        sdk.promotion_codes.create({"promotion": promotion, "code": "X", "max_redemptions": 1})
        assert s.pay(once, code="x")["total_details"]["amount_discount"] == 600
        with pytest.raises(Refusal, match="invalid"):
            s.pay(opened(s, allow_promotion_codes=True), code="x")

    @pytest.mark.parametrize(
        ("param", "coupon"),
        [
            ("amount_off", {}),
            ("amount_off", {"percent_off": 10, "amount_off": 100}),
            ("currency", {"amount_off": 100}),
            ("percent_off", {"percent_off": 101}),
            ("redeem_by", {"percent_off": 10, "redeem_by": 1}),
        ],
    )
    def test_coupons_that_are_refused(self, s: StandIn, param: str, coupon: Any) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            client(s).v1.coupons.create(coupon)
        assert refusal.value.param == param

    @pytest.mark.parametrize(
        ("param", "changes"),
        [
            ("shipping_options", {"shipping_options": [parcel()] * 6}),
            (
                "shipping_options[0][shipping_rate_data][fixed_amount][currency]",
                {"shipping_options": [parcel(currency="eur")]},
            ),
            (
                "shipping_address_collection[allowed_countries][0]",
                {"shipping_address_collection": {"allowed_countries": ["KP"]}},
            ),
            (
                "allow_promotion_codes",
                {"allow_promotion_codes": True, "discounts": [{"coupon": "a"}]},
            ),
            ("automatic_tax[enabled]", {"automatic_tax": {"enabled": True}}),
        ],
    )
    def test_what_hosted_checkout_refuses(
        self, s: StandIn, param: str, changes: dict[str, Any]
    ) -> None:
        with refused(None, param):
            create(s, **changes)

    @pytest.mark.parametrize("tax", ["no_head_office", "not_activated"])
    def test_what_the_account_lacks(self, s: StandIn, tax: str) -> None:
        s.configure(tax=tax, terms=False)
        with refused(None, "automatic_tax[enabled]"):
            create(s, **taxed("exclusive"))
        with refused(None, "consent_collection[terms_of_service]"):
            create(s, consent_collection={"terms_of_service": "required"})
