"""What can go wrong between the shop and Stripe, and what it means for the order."""

import re

import stripe

PERMISSION, ACCOUNT = re.compile(r"\brak_\w+"), re.compile(r"\bacct_\w+")


class StripeFailed(Exception):
    """Stripe did not do what it was asked. If it `is_answered`, the same key gets the same answer.

    It may help to `retry_after` so many seconds; 0 says that it won't.
    """

    retry_after = 0

    def __init__(self, message: str, *, is_answered: bool) -> None:
        super().__init__(message)
        self.is_answered = is_answered


class StripeDown(StripeFailed):
    """Stripe can't be reached, is in trouble or asks us to slow down: later may work."""

    retry_after = 60


class StripeBusy(StripeDown):
    """So many wait for Stripe that nobody else may, or the whole shop would wait."""

    retry_after = 3


class AskedTooOften(StripeDown):
    """The account asks more than Stripe answers: it takes some seconds."""


class StillAsking(StripeDown):
    """Stripe is being asked the same already: this shopper pressed twice."""

    retry_after = 3


class AskedDifferently(StripeDown):
    """Stripe was asked something else under this key; the next press asks under another.

    The shop has changed in between, or two releases of it sell.
    """

    retry_after = 3


class StripeRefused(StripeFailed):
    """Stripe does not accept the request or the key: the merchant has to fix something."""


class NotAllowed(StripeRefused):
    """The key may not do this: for want of `permission`, if Stripe names it, at `account`."""

    permission = account = ""


class WrongKey(NotAllowed):
    """Stripe doesn't know the key, or no longer."""


class AmountTooSmall(StripeRefused):
    """The amount is below Stripe's minimum, which depends on the merchant's bank."""


class TaxNotReady(StripeRefused):
    """Stripe works out no tax for this account yet: nothing is sold without it."""


class ClockIsOff(StripeRefused):
    """The session would end too soon or too late by Stripe's clock, which is right."""


class NoSuchPayment(StripeRefused):
    """The key's account has no such payment."""


class AlreadyRefunded(StripeRefused):
    """Nothing is left of the payment."""


class MoreThanIsLeft(StripeRefused):
    """Less than that is left of the payment."""


class IsDisputed(StripeRefused):
    """The shopper's bank has the money, and decides."""


class BalanceTooLow(StripeRefused):
    """The merchant has too little at Stripe."""


def failure(error: stripe.StripeError) -> StripeFailed:
    """Translate Stripe's error; whether it was an answer matters, as Stripe replays those."""
    status = error.http_status or 0
    is_passing = status in (0, 409, 429)
    kind: type[StripeFailed] = StripeDown if is_passing or status >= 500 else StripeRefused
    if isinstance(error, stripe.IdempotencyError):
        kind = AskedDifferently
    if error.code == "amount_too_small":
        kind = AmountTooSmall
    kind = {401: WrongKey, 403: NotAllowed, 429: AskedTooOften}.get(status, kind)
    if status == 409:  # another process asks under the same key
        kind = StillAsking
    # Stripe's message may repeat what it was sent; these only name the problem.
    param = getattr(error, "param", "")
    problem = (type(error).__name__, status, error.code, param, error.request_id)
    found = " ".join(str(word) for word in problem if word)
    if kind is StripeRefused and (todo := _missing_for_tax(error, param or "")):
        return TaxNotReady(f"{found}: {todo}, or TAX=off", is_answered=True)
    if param == "expires_at":
        return ClockIsOff(f"{found}: look at the server's clock", is_answered=True)
    failed = kind(found, is_answered=not is_passing)
    if isinstance(failed, NotAllowed):
        words = str(error.user_message)
        failed.permission, failed.account = _first(PERMISSION, words), _first(ACCOUNT, words)
    return failed


def _first(pattern: re.Pattern[str], words: str) -> str:
    found = pattern.search(words)
    return found[0] if found else ""


def _missing_for_tax(error: stripe.StripeError, param: str) -> str:
    """Return what the merchant has to do before Stripe works out tax, if that is the matter."""
    words = str(error.user_message or "").lower()
    if "head office" in words:
        return "set the head office's address at https://dashboard.stripe.com/settings/tax"
    if "stripe tax" in words or param.startswith("automatic_tax"):
        return "activate Stripe Tax at https://dashboard.stripe.com/tax"
    return ""
