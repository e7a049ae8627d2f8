"""What could happen next at Stripe, by what its ledger says."""

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.shapes import Json


class Possible:
    """Lists of ids that one of its verbs would accept, in the order in which they came."""

    def __init__(self, stand_in: StandIn) -> None:
        self.ledger, self.dispatcher = stand_in.ledger, stand_in.dispatcher

    def payments(self) -> list[str]:
        self.ledger.expire_due()
        return [id for id, session in self.ledger.sessions.items() if session["status"] == "open"]

    def bank_decisions(self) -> list[str]:
        return [id for id in self.ledger.sessions if self.ledger.is_awaiting_bank(id)]

    def disputes(self) -> list[str]:
        return [
            id
            for id in self.ledger.sessions
            if (charge := self.charge_of(id))
            and charge["status"] == "succeeded"
            and not charge["disputed"]
        ]

    def refunds(self) -> list[str]:
        return [id for id in self.disputes() if self.left_of(id)]

    def left_of(self, session_id: str) -> int:
        """How much of a session's money was not given back."""
        charge = self.charge_of(session_id) or {"amount": 0, "amount_refunded": 0}
        left: int = charge["amount"] - charge["amount_refunded"]
        return left

    def refund_failures(self) -> list[str]:
        return [id for id, refund in self.ledger.refunds.items() if refund["status"] != "failed"]

    def dispute_ends(self) -> list[str]:
        intents = {
            dispute["payment_intent"]
            for dispute in self.ledger.disputes.values()
            if dispute["status"] == "needs_response"
        }
        sessions = self.ledger.sessions.items()
        return [id for id, session in sessions if session["payment_intent"] in intents]

    def deliveries(self) -> list[str]:
        """Events that go to the shop, those included that it has had."""
        enabled = self.dispatcher.main["enabled_events"]
        return [event["id"] for event in self.ledger.events if event["type"] in enabled]

    def first_deliveries(self) -> list[str]:
        """Events that the shop has not answered yet."""
        return [id for id in self.deliveries() if id in self.dispatcher.undelivered]

    def losses(self, waiting: set[str]) -> list[str]:
        """Events that the shop can do without: it asks about the sessions that it waits for."""
        return [
            event["id"]
            for event in self.ledger.events
            if event["id"] in self.dispatcher.undelivered
            and event["type"].startswith("checkout.session.")
            and event["data"]["object"]["id"] in waiting
            and len(self._sessions_for(event["data"]["object"]["client_reference_id"])) == 1
        ]

    def charge_of(self, session_id: str) -> Json | None:
        session = self.ledger.sessions[session_id]
        intent = self.ledger.payment_intents.get(session["payment_intent"] or "")
        return self.ledger.charges[intent["latest_charge"]] if intent else None

    def _sessions_for(self, order: str) -> list[str]:
        sessions = self.ledger.sessions.items()
        return [id for id, session in sessions if session["client_reference_id"] == order]
