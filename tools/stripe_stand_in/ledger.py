"""The verbs that open, pay, end, refund and dispute; everything they touch is in the ledger."""

from decimal import Decimal

from tools.stripe_stand_in import after_payment, discounts, shapes
from tools.stripe_stand_in.amounts import reckon
from tools.stripe_stand_in.refusals import Refusal
from tools.stripe_stand_in.rules import currency_of, total_of
from tools.stripe_stand_in.shapes import Json
from tools.stripe_stand_in.tables import NEVER, Tables

DELAYED_METHODS = {"usd": "us_bank_account"}


class Ledger(Tables):
    """What can happen to the account, each under the ledger's lock."""

    # Sessions

    def open_session(self, params: Json, url_base: str) -> Json:
        """Open a session for parameters that passed every check."""
        with self.lock:
            now = self.now()
            totals = shapes.totals(total_of(params["line_items"]), currency_of(params))
            session = shapes.session(params, created=now, url_base=url_base, totals=totals)
            lines = [self._line(line, now) for line in params["line_items"]]
            self.sessions[session["id"]] = session
            self.lines[session["id"]] = lines
            self.next_expiry = min(self.next_expiry, session["expires_at"])
            self.intent_data[session["id"]] = params.get("payment_intent_data", {})
            options = params.get("shipping_options", [])
            rates = [
                shapes.shipping_rate(option["shipping_rate_data"], created=now)
                for option in options
            ]
            self.rates[session["id"]] = rates
            self.shipping_rates |= {rate["id"]: rate for rate in rates}
            session["shipping_options"] = [
                {
                    "shipping_amount": rate["fixed_amount"]["amount"],
                    "shipping_rate": rate["id"],
                }
                for rate in rates
            ]
            for discount in params.get("discounts", []):
                session["discounts"] = [self._discount_of(discount)]
            self._reckon(session, rates[0] if rates else None, session["discounts"], Decimal(0))
            return session

    def _discount_of(self, discount: Json) -> Json:
        for code in self.codes.values():
            if discount.get("promotion_code") == code["id"]:
                return _redeemed(code)
        id = discount.get("coupon", "")
        self.find(self.coupons, "coupon", id, "discounts[0]")
        return {"coupon": id, "promotion_code": None}

    def make_coupon(self, params: Json) -> Json:
        """Make a coupon by checked parameters."""
        with self.lock:
            id = params.get("id") or shapes.new_id("", 8)[1:]
            if id in self.coupons:
                raise Refusal("Coupon already exists.", code="resource_already_exists", param="id")
            self.coupons[id] = discounts.coupon(params, id=id, created=self.now())
            return self.coupons[id]

    def make_promotion_code(self, params: Json) -> Json:
        """Make a code that shoppers may type; for Stripe it is the same in any case."""
        with self.lock:
            coupon = params["promotion"].get("coupon", "")
            self.find(self.coupons, "coupon", coupon, "promotion[coupon]")
            code = params.get("code") or shapes.new_id("", 8)[1:].upper()
            if self.codes.get(code.upper(), {}).get("active"):
                raise Refusal("An active promotion code with this code exists.", param="code")
            made = discounts.promotion_code(
                params, id=shapes.new_id("promo"), code=code, created=self.now()
            )
            self.codes[code.upper()] = made
            return made

    def choose(self, id: str, told: Json) -> Json:
        """Take what the shopper has filled in so far: address, delivery and code."""
        with self.lock:
            session = self._open(id, "be changed")
            self._address(session, told.get("address"))
            option = self._option(session, told.get("shipping"))
            discounts = self._discounts(session, told.get("code"))
            tax = session["automatic_tax"]
            is_known = tax["enabled"] and self.account["tax"] != "failed"
            rate = Decimal(str(self.account["tax_rate"])) if is_known else Decimal(0)
            self._reckon(session, option, discounts, rate)
            session["discounts"] = discounts
            if tax["enabled"]:
                tax["status"] = "complete" if is_known else "failed"
            return session

    def _confirmed(self, id: str, told: Json) -> Json:
        session = self.choose(id, told)
        if session["shipping_address_collection"]:
            address = self._address(session, told.get("address"))
            name = address.pop("name", "Ada Lovelace")
            details = {"name": name, "address": address}
            nulls = {"business_name": None, "individual_name": None}
            session["collected_information"] = {**nulls, "shipping_details": details}
        for discount in session["discounts"] or []:
            for code in self.codes.values():
                code["times_redeemed"] += code["id"] == discount["promotion_code"]
        return session

    def _reckon(
        self, session: Json, option: Json | None, discounts: list[Json] | None, rate: Decimal
    ) -> None:
        coupon = self.coupons[discounts[0]["coupon"]] if discounts else None
        lines = self.lines[session["id"]]
        amounts, changes = reckon(session, lines, option, coupon, rate)
        session.update(amounts)
        for line, change in zip(lines, changes, strict=True):
            line.update(change)

    def _address(self, session: Json, address: Json | None) -> Json:
        allowed = (session["shipping_address_collection"] or {}).get("allowed_countries", [])
        made_up = {"line1": "1 Example Street", "city": "Example", "postal_code": "12345"}
        nulls = dict.fromkeys(("line2", "state"))
        found = {**nulls, **made_up, "country": allowed[0] if allowed else "US", **(address or {})}
        if allowed and found["country"] not in allowed:
            raise Refusal(f"We can't ship to {found['country']}.", param="address")
        return found

    def _option(self, session: Json, shipping: int | None) -> Json | None:
        rates = self.rates[session["id"]]
        if shipping is not None:
            if not 0 <= shipping < len(rates):
                raise Refusal("There is no such delivery.", param="shipping")
            return rates[shipping]
        chosen = (session["shipping_cost"] or {}).get("shipping_rate")
        return next((rate for rate in rates if rate["id"] == chosen), None)

    def _discounts(self, session: Json, code: str | None) -> list[Json] | None:
        if not code:
            # Where codes are allowed, nothing else discounts: the shopper has taken it away.
            return None if session["allow_promotion_codes"] else session["discounts"]
        found = self.codes.get(code.upper())
        if not (session["allow_promotion_codes"] and found):
            raise Refusal("This code is invalid.", param="code")
        coupon = self.coupons[found["promotion"]["coupon"]]
        if not discounts.can_be_redeemed(found, coupon, session["currency"], self.now()):
            raise Refusal("This code is invalid.", param="code")
        return [_redeemed(found)]

    def _line(self, line: Json, now: int) -> Json:
        product = shapes.product(line["price_data"]["product_data"], created=now)
        self.products[product["id"]] = product
        return shapes.line_item(line, created=now, product=product["id"])

    def session(self, id: str) -> Json:
        """The session itself, not a copy; raises the Refusal of an unknown id."""
        self.expire_due()
        return self.find(self.sessions, "checkout.session", id)

    def expire(self, id: str) -> Json:
        """Close an open session without a payment."""
        with self.lock:
            session = self._open(id, "be expired")
            return self._expire(session)

    def expire_due(self) -> None:
        """Close the sessions whose time is over."""
        with self.lock:
            if self.clock.now() < self.next_expiry:
                return
            waiting = [s for s in self.sessions.values() if s["status"] == "open"]
            for session in waiting:
                if session["expires_at"] <= self.clock.now():
                    self._expire(session)
            left = [s["expires_at"] for s in waiting if s["status"] == "open"]
            self.next_expiry = min(left, default=NEVER)

    def _expire(self, session: Json) -> Json:
        session.update(status="expired", url=None)
        self.emit("checkout.session.expired", session)
        return session

    def _open(self, id: str, verb: str) -> Json:
        session = self.session(id)
        if session["status"] == "open":
            return session
        raise Refusal(
            f'Only Checkout Sessions with a status in ["open"] can {verb}. '
            f"This Checkout Session has a status of {session['status']}.",
            param="session",
        )

    # Payments

    def pay(self, id: str, email: str, told: Json) -> Json:
        """Pay by card, or complete a session that costs nothing."""
        with self.lock:
            self._open(id, "be paid")
            session = self._confirmed(id, told)
            if session["amount_total"] == 0:
                return self._complete(session, email, told, "no_payment_required")
            intent, charge = self._confirm(session, email, "card")
            self._collect(intent, charge)
            return self._complete(session, email, told, "paid", intent)

    def pay_later(self, id: str, email: str, told: Json) -> Json:
        """Complete with a bank debit, whose money takes days to come or to fail."""
        with self.lock:
            self._open(id, "be paid")
            session = self.choose(id, told)
            if session["amount_total"] == 0:
                raise Refusal("There is nothing to pay later.", param="session")
            session = self._confirmed(id, told)
            method = DELAYED_METHODS.get(session["currency"], "customer_balance")
            intent, charge = self._confirm(session, email, method)
            intent["status"] = "processing"
            self.emit("payment_intent.processing", intent)
            self.emit("charge.pending", charge)
            return self._complete(session, email, told, "unpaid", intent)

    def settle(self, id: str) -> Json:
        """The bank's money arrives."""
        with self.lock:
            session, intent, charge = self._awaiting_bank(id)
            self._collect(intent, charge)
            session["payment_status"] = "paid"
            self.emit("checkout.session.async_payment_succeeded", session)
            return session

    def fail(self, id: str) -> Json:
        """The bank's money doesn't come."""
        with self.lock:
            session, intent, charge = self._awaiting_bank(id)
            message = "The customer's account has insufficient funds to cover this payment."
            failure = {"failure_code": "insufficient_funds", "failure_message": message}
            charge.update(status="failed", paid=False, captured=False, amount_captured=0, **failure)
            intent["status"] = "requires_payment_method"
            intent["last_payment_error"] = _payment_error(charge)
            self.emit("charge.failed", charge)
            self.emit("payment_intent.payment_failed", intent)
            self.emit("checkout.session.async_payment_failed", session)
            return session

    def decline(self, id: str) -> Json:
        """The card is declined: the shopper may try again, and the merchant hears nothing."""
        with self.lock:
            return self._open(id, "be paid")

    def is_awaiting_bank(self, id: str) -> bool:
        """Whether the session's bank debit may still succeed or fail."""
        with self.lock:
            intent = self.payment_intents.get(self.session(id)["payment_intent"] or "", {})
            return intent.get("status") == "processing"

    def _awaiting_bank(self, id: str) -> tuple[Json, Json, Json]:
        session = self.session(id)
        if not self.is_awaiting_bank(id):
            raise Refusal("This session waits for no bank.", param="session")
        intent = self.payment_intents[session["payment_intent"]]
        return session, intent, self.charges[intent["latest_charge"]]

    def _confirm(self, session: Json, email: str, method: str) -> tuple[Json, Json]:
        data = self.intent_data[session["id"]]
        intent = shapes.payment_intent(session, data, method=method, created=self.now())
        self.payment_intents[intent["id"]] = intent
        self.emit("payment_intent.created", intent)
        intent["payment_method"] = shapes.new_id("pm")
        shipping = (session["collected_information"] or {}).get("shipping_details")
        if shipping:
            nulls = dict.fromkeys(("carrier", "phone", "tracking_number"))
            intent["shipping"] = {**nulls, **shipping}
        charge = shapes.charge(intent, email=email, created=self.now())
        charge["shipping"] = intent["shipping"]
        self.charges[charge["id"]] = charge
        intent["latest_charge"] = charge["id"]
        return intent, charge

    def _collect(self, intent: Json, charge: Json) -> None:
        balance = shapes.balance_transaction(charge, created=self.now())
        self.balance_transactions[balance["id"]] = balance
        charge.update(status="succeeded", balance_transaction=balance["id"])
        intent.update(status="succeeded", amount_received=intent["amount"])
        self.emit("charge.succeeded", charge)
        self.emit("payment_intent.succeeded", intent)

    def _complete(
        self,
        session: Json,
        email: str,
        told: Json,
        payment_status: str,
        intent: Json | None = None,
    ) -> Json:
        session.update(status="complete", payment_status=payment_status, url=None)
        session["customer_details"] = details = shapes.customer_details(email)
        shipping = (session["collected_information"] or {}).get("shipping_details")
        if shipping:
            details.update(name=shipping["name"], address=dict(shipping["address"]))
        if session["phone_number_collection"]["enabled"]:
            details["phone"] = told.get("phone") or "+15550100"
        if session["consent_collection"]:
            accepted = session["consent_collection"]["terms_of_service"] and "accepted"
            session["consent"] = {"promotions": None, "terms_of_service": accepted}
        session["payment_intent"] = intent["id"] if intent else None
        if intent:
            session["payment_method_types"] = intent["payment_method_types"]
        self.emit("checkout.session.completed", session)
        return session

    # Refunds and disputes

    def refund(self, params: Json) -> Json:
        """Give money of a charge back; without an amount, all that is left of it."""
        with self.lock:
            charge = self._charge_of(params)
            amount = self._refundable(charge, params.get("amount"))
            refund = after_payment.refund(charge, params, amount=amount, created=self.now())
            if self.balance_is_low:
                refund |= {"status": "pending", "pending_reason": "insufficient_funds"}
            self.refunds[refund["id"]] = refund
            self._count_refund(charge, amount)
            self.emit("refund.created", refund)
            self.emit("charge.refunded", charge)
            previous = after_payment.acknowledge(refund)
            if previous and refund["status"] == "succeeded":
                self.emit("refund.updated", refund, previous=previous)
            return refund

    def settle_refund(self, id: str) -> Json:
        """The balance is high enough, so what was pending goes out."""
        with self.lock:
            refund = self.find(self.refunds, "refund", id)
            if refund["status"] != "pending":
                raise Refusal("This refund is not pending.", param="id")
            previous = {"status": "pending", "pending_reason": refund.pop("pending_reason")}
            refund["status"] = "succeeded"
            self.emit("refund.updated", refund, previous=previous)
            return refund

    def fail_refund(self, id: str) -> Json:
        """The refunded money comes back to the merchant, e.g. because the card is closed."""
        with self.lock:
            refund = self.find(self.refunds, "refund", id)
            if refund["status"] == "failed":
                raise Refusal("This refund has failed already.", param="id")
            previous = {"status": refund["status"]}
            refund.update(status="failed", failure_reason="lost_or_stolen_card")
            refund["failure_balance_transaction"] = shapes.new_id("txn")
            self._count_refund(self.charges[refund["charge"]], -refund["amount"])
            self.emit("refund.updated", refund, previous=previous)
            self.emit("refund.failed", refund)
            return refund

    def _charge_of(self, params: Json) -> Json:
        if "charge" in params:
            return self.find(self.charges, "charge", params["charge"], "charge")
        if "payment_intent" not in params:
            message = "One of the following params should be provided for this request: "
            raise Refusal(message + "payment_intent or charge.", code="parameter_missing")
        id = params["payment_intent"]
        intent = self.find(self.payment_intents, "payment_intent", id, "payment_intent")
        return self.charges[intent["latest_charge"]]

    def _refundable(self, charge: Json, amount: int | None) -> int:
        left: int = charge["amount_captured"] - charge["amount_refunded"]
        if charge["status"] != "succeeded":
            raise Refusal("This charge has not succeeded, so it can't be refunded.", param="charge")
        if charge["disputed"]:
            message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
            raise Refusal(message, code="charge_disputed")
        if left == 0:
            message = f"Charge {charge['id']} has already been refunded."
            raise Refusal(message, code="charge_already_refunded")
        if amount is not None and amount < 1:
            message = "Invalid positive integer"
            raise Refusal(message, code="parameter_invalid_integer", param="amount")
        if amount is not None and amount > left:
            message = f"Refund amount ({amount}) is greater than unrefunded amount ({left})."
            raise Refusal(message, code="amount_too_large", param="amount")
        return left if amount is None else amount

    def _count_refund(self, charge: Json, amount: int) -> None:
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]

    def dispute(self, session_id: str) -> Json:
        """The shopper's bank takes the money back, until the dispute is decided."""
        with self.lock:
            charge = self._charge_of({"payment_intent": self.session(session_id)["payment_intent"]})
            if charge["disputed"] or charge["status"] != "succeeded":
                raise Refusal("This charge can't be disputed.", param="charge")
            dispute = after_payment.dispute(charge, created=self.now())
            self.disputes[dispute["id"]] = dispute
            charge["disputed"] = True
            self.emit("charge.dispute.created", dispute)
            self.emit("charge.dispute.funds_withdrawn", dispute)
            return dispute

    def close_dispute(self, session_id: str, won: bool) -> Json:
        """The bank decides; a won dispute brings the money back."""
        with self.lock:
            dispute = self._open_dispute(self.session(session_id)["payment_intent"])
            dispute["status"] = "won" if won else "lost"
            if won:
                self.emit("charge.dispute.funds_reinstated", dispute)
            self.emit("charge.dispute.closed", dispute)
            return dispute

    def _open_dispute(self, payment_intent: str | None) -> Json:
        for dispute in self.disputes.values():
            is_open = dispute["status"] == "needs_response"
            if is_open and dispute["payment_intent"] == payment_intent:
                return dispute
        raise Refusal("This session has no open dispute.", param="session")


def _redeemed(code: Json) -> Json:
    return {"coupon": code["promotion"]["coupon"], "promotion_code": code["id"]}


def _payment_error(charge: Json) -> Json:
    return {
        "charge": charge["id"],
        "code": charge["failure_code"],
        "message": charge["failure_message"],
        "type": "invalid_request_error",
    }
