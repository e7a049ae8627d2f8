"""Answers requests to /v1 as Stripe does: caller, question and repetition are checked first."""

import base64
import binascii
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import urlsplit

import stripe.params as p
import stripe.params.checkout as pc
import stripe.params.tax as pt

from tools.stripe_stand_in import account, reading
from tools.stripe_stand_in.discounts import CODE, check_coupon
from tools.stripe_stand_in.extras import check_extras
from tools.stripe_stand_in.faults import Answer, Dropped, Fault, Faults, Idempotency
from tools.stripe_stand_in.ledger import Ledger
from tools.stripe_stand_in.parameters import checked, decode
from tools.stripe_stand_in.refusals import Refusal, fault_answer
from tools.stripe_stand_in.rules import (
    check_metadata,
    check_session,
    currency_of,
    refuse_unplayed,
)
from tools.stripe_stand_in.shapes import API_VERSION, Json, new_id
from tools.stripe_stand_in.webhooks import Dispatcher


@dataclass
class Request:
    """A call of the API, as the log keeps it; status 0 means that no answer was sent."""

    method: str
    path: str
    params: Json
    idempotency_key: str | None
    status: int = 0
    replayed: bool = False
    id: str = field(default_factory=lambda: new_id("req", 14))


@dataclass(frozen=True)
class Route:
    """What the API offers: a method, a path, its parameters' types and the work."""

    method: str
    pattern: str
    types: type
    work: Callable[["Api", Json, str, str], Json]


class Api:
    """The front desk."""

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher) -> None:
        self.ledger = ledger
        self.dispatcher = dispatcher
        self.faults = Faults()
        self.idempotency = Idempotency(ledger.now)
        self.log: list[Request] = []

    def forget(self) -> None:
        """Forget faults, keys and the log."""
        self.faults.clear()
        self.idempotency.forget()
        self.log.clear()

    def answer(
        self, method: str, target: str, headers: Message, body: str, url_base: str
    ) -> tuple[Request, Answer]:
        """Answer one request; raises Dropped when the connection shall break instead."""
        parts = urlsplit(target)
        key = headers.get("Idempotency-Key") if method == "POST" else None
        request = Request(method, parts.path, {}, key)
        self.log.append(request)
        try:
            request.params = decode(parts.query if method == "GET" else body)
            caller = _key_of(headers.get("Authorization", ""))
            _check_version(headers.get("Stripe-Version", API_VERSION))
            answer = self._play(request, url_base, caller)
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body())
        request.status, request.replayed = answer.status, answer.replayed
        return request, answer

    def _play(self, request: Request, url_base: str, caller: str) -> Answer:
        route, id = _route(request.method, request.path)
        account.check_permission(request.method, request.path, caller, self.ledger.forbidden)
        question = (request.path, request.params)
        key = request.idempotency_key
        fault = self.faults.take(request.method, request.path)
        stored = self.idempotency.begin(key, question) if key else None
        answer = stored
        began = False
        try:
            if stored:
                with contextlib.suppress(Refusal):  # the log shows the tree as the first time
                    request.params = checked(route.types, request.params)
            self._before(fault)
            if fault and fault.status and not fault.after:
                answer = Answer(fault.status, fault_answer(fault.status, fault.code))
                began = fault.status >= 500
            elif stored is None:
                request.params = self._check(route, request.params)
                began = True
                answer = self._work(route, request, id or account.id_of(caller), url_base)
            answer = self._after(fault, answer)
        finally:
            if key and stored is None:
                self.idempotency.finish(key, answer if began else None)
        if fault and fault.drop:
            raise Dropped
        assert answer is not None
        return answer

    def _before(self, fault: Fault | None) -> None:
        if not fault or fault.after:
            return
        self.faults.hang(fault)
        if fault.drop:
            raise Dropped

    def _after(self, fault: Fault | None, answer: Answer | None) -> Answer | None:
        if not fault or not fault.after:
            return answer
        self.faults.hang(fault)
        return (
            Answer(fault.status, fault_answer(fault.status, fault.code)) if fault.status else answer
        )

    def _check(self, route: Route, tree: Json) -> Json:
        params = checked(route.types, tree)
        if route.types is pc.SessionCreateParams:
            check_session(params, self.ledger.now())
            check_extras(params, currency_of(params), self.ledger.account)
        if route.types is p.RefundCreateParams:
            check_metadata(params.get("metadata") or None, "metadata")
        if route.types is p.CouponCreateParams:
            check_coupon(params)
        if route.types is p.PromotionCodeCreateParams:
            refuse_unplayed(params, CODE, "")
            check_metadata(params.get("metadata"), "metadata")
        return params

    def _work(self, route: Route, request: Request, id: str, url_base: str) -> Answer:
        with self.ledger.on_behalf_of(request.id, request.idempotency_key):
            try:
                self.ledger.expire_due()
                found = route.work(self, request.params, id, url_base)
                shown = reading.expanded(self.ledger, found, request.params.get("expand", []))
                return Answer(200, shown)
            except Refusal as refusal:
                return Answer(refusal.status, refusal.body())


def _key_of(authorization: str) -> str:
    kind, _, rest = authorization.partition(" ")
    key = rest.strip()
    if kind.lower() == "basic":
        key = _user_of(key)
    if not key:
        raise Refusal("You did not provide an API key.", status=401)
    if not key.startswith(("sk_test_", "rk_test_")):
        message = f"Invalid API Key provided: {key[:8]}****"
        raise Refusal(message, status=401)
    return key


def _user_of(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _check_version(version: str) -> None:
    if version != API_VERSION:
        raise Refusal(f"Invalid Stripe API version: {version}; this plays {API_VERSION}.")


def _route(method: str, path: str) -> tuple[Route, str]:
    for route in ROUTES:
        match = re.fullmatch(route.pattern.replace("{id}", "(?P<id>[^/]+)"), path)
        if match and route.method == method:
            return route, match.groupdict().get("id", "")
    raise Refusal(f"Unrecognized request URL ({method}: {path}).", status=404)


def _open_session(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.open_session(params, url_base)


def _session(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.session(id)


def _expire(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.expire(id)


def _sessions(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.sessions(api.ledger, params)


def _lines(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.lines(api.ledger, id, params)


def _refund(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.refund(params)


def _refunds(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.refunds(api.ledger, params)


def _one_refund(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.find(api.ledger.refunds, "refund", id)


def _intent(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.find(api.ledger.payment_intents, "payment_intent", id, "intent")


def _charges(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.charges(api.ledger, params)


def _charge(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.find(api.ledger.charges, "charge", id)


def _disputes(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.disputes(api.ledger, params)


def _events(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.events(api.ledger, params, api.dispatcher.undelivered)


def _event(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.event(id)


def _make_coupon(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.make_coupon(params)


def _coupon(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.find(api.ledger.coupons, "coupon", id, "coupon")


def _make_code(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.make_promotion_code(params)


def _codes(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.promotion_codes(api.ledger, params)


def _rate(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.ledger.find(api.ledger.shipping_rates, "shipping_rate", id)


def _account(api: Api, params: Json, id: str, url_base: str) -> Json:
    return account.account(id, api.ledger.account)


def _tax_settings(api: Api, params: Json, id: str, url_base: str) -> Json:
    return account.tax_settings(api.ledger.account)


def _registrations(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.registrations(api.ledger, params)


def _endpoints(api: Api, params: Json, id: str, url_base: str) -> Json:
    return reading.endpoints(api.dispatcher.endpoints, params)


def _add_endpoint(api: Api, params: Json, id: str, url_base: str) -> Json:
    return api.dispatcher.add(params)


def _endpoint(api: Api, params: Json, id: str, url_base: str) -> Json:
    return account.without_secret(api.dispatcher.endpoint(id))


def _change_endpoint(api: Api, params: Json, id: str, url_base: str) -> Json:
    return account.without_secret(api.dispatcher.change(id, params))


def _remove_endpoint(api: Api, params: Json, id: str, url_base: str) -> Json:
    api.dispatcher.endpoint(id)
    api.dispatcher.remove(id)
    return {"id": id, "object": "webhook_endpoint", "deleted": True}


SESSIONS = "/v1/checkout/sessions"
ENDPOINTS = "/v1/webhook_endpoints"
ROUTES = (
    Route("POST", SESSIONS, pc.SessionCreateParams, _open_session),
    Route("GET", SESSIONS, pc.SessionListParams, _sessions),
    Route("GET", SESSIONS + "/{id}", pc.SessionRetrieveParams, _session),
    Route("GET", SESSIONS + "/{id}/line_items", pc.SessionListLineItemsParams, _lines),
    Route("POST", SESSIONS + "/{id}/expire", pc.SessionExpireParams, _expire),
    Route("POST", "/v1/refunds", p.RefundCreateParams, _refund),
    Route("GET", "/v1/refunds", p.RefundListParams, _refunds),
    Route("GET", "/v1/refunds/{id}", p.RefundRetrieveParams, _one_refund),
    Route("GET", "/v1/payment_intents/{id}", p.PaymentIntentRetrieveParams, _intent),
    Route("GET", "/v1/charges", p.ChargeListParams, _charges),
    Route("GET", "/v1/charges/{id}", p.ChargeRetrieveParams, _charge),
    Route("GET", "/v1/disputes", p.DisputeListParams, _disputes),
    Route("GET", "/v1/events", p.EventListParams, _events),
    Route("GET", "/v1/events/{id}", p.EventRetrieveParams, _event),
    Route("POST", "/v1/coupons", p.CouponCreateParams, _make_coupon),
    Route("GET", "/v1/coupons/{id}", p.CouponRetrieveParams, _coupon),
    Route("POST", "/v1/promotion_codes", p.PromotionCodeCreateParams, _make_code),
    Route("GET", "/v1/promotion_codes", p.PromotionCodeListParams, _codes),
    Route("GET", "/v1/shipping_rates/{id}", p.ShippingRateRetrieveParams, _rate),
    Route("GET", "/v1/account", p.AccountRetrieveCurrentParams, _account),
    Route("GET", "/v1/tax/settings", pt.SettingsRetrieveParams, _tax_settings),
    Route("GET", "/v1/tax/registrations", pt.RegistrationListParams, _registrations),
    Route("GET", ENDPOINTS, p.WebhookEndpointListParams, _endpoints),
    Route("POST", ENDPOINTS, p.WebhookEndpointCreateParams, _add_endpoint),
    Route("GET", ENDPOINTS + "/{id}", p.WebhookEndpointRetrieveParams, _endpoint),
    Route("POST", ENDPOINTS + "/{id}", p.WebhookEndpointUpdateParams, _change_endpoint),
    Route("DELETE", ENDPOINTS + "/{id}", p.WebhookEndpointDeleteParams, _remove_endpoint),
)
