"""What the API says when it says no."""

from typing import Any


class Refusal(Exception):
    """A request that Stripe would refuse, with the answer that it gives."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int = 400,
        type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.status = status
        self.type = type

    def body(self) -> dict[str, Any]:
        """The error object; fields that say nothing are left out, as Stripe does."""
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        return {"error": error}


def no_such(kind: str, id: str, param: str = "id") -> Refusal:
    """The refusal for an unknown id."""
    return Refusal(f"No such {kind}: '{id}'", code="resource_missing", param=param, status=404)


FAULTS = {
    400: ("invalid_request_error", None, "The request was unacceptable."),
    401: ("invalid_request_error", None, "Invalid API Key provided: sk_test_****"),
    402: ("card_error", "card_declined", "Your card was declined."),
    403: ("invalid_request_error", None, "The provided key does not have the permissions."),
    409: ("idempotency_error", "idempotency_key_in_use", "There is a request in progress."),
    429: ("invalid_request_error", "rate_limit", "Request rate limit exceeded."),
}


def fault_answer(status: int, code: str = "") -> dict[str, Any]:
    """The body of an answer that a test ordered instead of the true one, with another code."""
    unexpected = ("api_error", None, "An unknown error occurred.")
    type, usual, message = FAULTS.get(status, unexpected)
    return Refusal(message, type=type, code=code or usual, status=status).body()
