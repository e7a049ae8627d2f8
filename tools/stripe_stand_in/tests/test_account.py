"""The account: who may look, what its endpoints are like and get, and whether it can tax."""

import pytest
import stripe

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.account import ACCOUNT_ID, ANOTHER_ID, MOST_ENDPOINTS
from tools.stripe_stand_in.shapes import API_VERSION
from tools.stripe_stand_in.tests.sdk_shapes import known_mismatches
from tools.stripe_stand_in.tests.shop import Json, Shop, call, client, opened, refused
from tools.stripe_stand_in.webhooks import SECRET

pytestmark = pytest.mark.once
URL = "https://shop.example/stripe/webhook/"


def add(s: StandIn, url: str = URL, **params: str) -> Json:
    told: Json = {"url": url, "enabled_events": ["checkout.session.expired"], **params}
    return client(s).v1.webhook_endpoints.create(told).to_dict()  # type: ignore[arg-type]


def listed(s: StandIn) -> list[str]:
    return [one.id for one in client(s).v1.webhook_endpoints.list().data]


class TestEndpoints:
    def test_only_the_one_who_makes_it_sees_the_secret(self, s: StandIn) -> None:
        made = add(s, api_version=API_VERSION, description="Tea")
        assert made["secret"].startswith("whsec_")
        (shown,) = client(s).v1.webhook_endpoints.list().data
        assert shown.to_dict() == {name: made[name] for name in made if name != "secret"}
        assert client(s).v1.webhook_endpoints.retrieve(made["id"]).to_dict() == shown.to_dict()

    def test_the_newest_stands_first_and_what_listens_is_one_of_them(
        self, s: StandIn, shop: Shop
    ) -> None:
        ids = [add(s)["id"], s.add_endpoint(URL, status="disabled")["id"]]
        assert listed(s) == [*reversed(ids), s.dispatcher.main["id"]]
        client(s).v1.webhook_endpoints.delete(s.dispatcher.main["id"])
        assert (listed(s), s.webhook_url) == ([*reversed(ids)], None)

    def test_each_that_is_on_gets_what_it_takes_by_its_own_secret(
        self, s: StandIn, shop: Shop
    ) -> None:
        s.listen(shop.url, enabled_events=["charge.refunded"])
        for changes in ({"status": "disabled"}, {"enabled_events": ["refund.created"]}):
            s.add_endpoint(shop.url, **changes)
        right = s.add_endpoint(shop.url)
        s.dispatcher.added[right["id"]]["secret"] = SECRET  # the one that this shop believes
        s.expire(opened(s))
        s.wait_until_quiet()
        assert shop.heard == ["expired"]
        assert s.events[-1]["pending_webhooks"] == 0

    def test_what_one_of_two_does_not_take_is_undelivered_until_that_is_deleted(
        self, s: StandIn, shop: Shop
    ) -> None:
        wrong = s.add_endpoint("http://127.0.0.1:9/")["id"]
        s.expire(opened(s))
        s.wait_until_quiet()
        assert (shop.heard, s.events[-1]["pending_webhooks"]) == (["expired"], 1)
        _, page, _ = call(s, "GET", "/v1/events?delivery_success=false")
        assert len(page["data"]) == 1
        client(s).v1.webhook_endpoints.delete(wrong)
        _, page, _ = call(s, "GET", "/v1/events?delivery_success=false")
        assert page["data"] == []

    def test_can_be_changed_but_for_the_version(self, s: StandIn) -> None:
        endpoints, id = client(s).v1.webhook_endpoints, add(s)["id"]
        changed = endpoints.update(id, {"disabled": True, "enabled_events": ["refund.created"]})
        assert (changed.status, changed.enabled_events) == ("disabled", ["refund.created"])
        with refused("parameter_unknown", "api_version"):
            endpoints.update(id, {"api_version": API_VERSION})  # type: ignore[arg-type]

    @pytest.mark.parametrize("url", ["shop.example/hook", "ftp://shop.example/"])
    def test_need_an_address(self, s: StandIn, url: str) -> None:
        with refused(None, "url"):
            add(s, url)

    def test_are_sixteen_at_most(self, s: StandIn) -> None:
        for _ in range(MOST_ENDPOINTS):
            add(s)
        with refused():
            add(s)


class TestWhatAKeyMay:
    @pytest.mark.parametrize(
        ("permission", "method", "path", "named"),
        [
            ("rak_webhook_read", "GET", "/v1/webhook_endpoints", "rak_webhook_read"),
            ("rak_webhook_read", "POST", "/v1/webhook_endpoints", "rak_webhook_write"),
            ("rak_webhook_write", "POST", "/v1/webhook_endpoints", "rak_webhook_write"),
            ("rak_checkout_session_write", "POST", "/v1/checkout/sessions", "rak_checkout"),
            ("rak_charge_write", "POST", "/v1/refunds", "rak_charge_write"),
            ("rak_accounts_kyc_basic_read", "GET", "/v1/account", "rak_accounts_kyc_basic_read"),
            ("tax_read", "GET", "/v1/tax/settings", ""),
        ],
    )
    def test_the_refusal_names_what_it_lacks_and_the_account(
        self, s: StandIn, permission: str, method: str, path: str, named: str
    ) -> None:
        s.forbid([permission], key="sk_test_ada")
        status, answer, _ = call(s, method, path)
        words = answer["error"]["message"]
        assert (status, ACCOUNT_ID in words, named in words) == (403, True, True)
        assert ("Having the" in words) == bool(named)
        assert "sk_test_ada" not in words

    def test_other_keys_and_reading_are_left_alone(self, s: StandIn) -> None:
        s.forbid(["rak_webhook_write"])
        s.forbid(["rak_webhook_read"], key="sk_test_bo")
        assert listed(s) == []
        with pytest.raises(stripe.PermissionError):
            client(s, "sk_test_bo").v1.webhook_endpoints.list()

    def test_another_account_has_another_name(self, s: StandIn) -> None:
        ids = [client(s, key).v1.accounts.retrieve_current().id for key in ("rk_test_1",)]
        ids += [client(s, "sk_test_another").v1.accounts.retrieve_current().id]
        assert ids == [ACCOUNT_ID, ANOTHER_ID]


class TestTheAccount:
    def test_may_charge_or_says_why_not(self, s: StandIn) -> None:
        assert client(s).v1.accounts.retrieve_current().charges_enabled
        s.configure(charges=False)
        account = client(s).v1.accounts.retrieve_current().to_dict()
        assert not account["charges_enabled"]
        assert account["requirements"]["disabled_reason"] == "requirements.past_due"

    @pytest.mark.parametrize(
        ("tax", "missing"),
        [
            ("active", None),
            ("failed", None),
            ("no_head_office", ["head_office"]),
            ("not_activated", ["defaults.tax_code", "head_office"]),
        ],
    )
    def test_says_what_tax_lacks(self, s: StandIn, tax: str, missing: list[str] | None) -> None:
        s.configure(tax=tax)
        found = client(s).v1.tax.settings.retrieve().to_dict()
        assert found["status"] == ("pending" if missing else "active")
        assert found["status_details"].get("pending") == (
            {"missing_fields": missing} if missing else None
        )

    def test_collects_where_it_is_registered(self, s: StandIn) -> None:
        registrations = client(s).v1.tax.registrations
        assert [r.country for r in registrations.list({"status": "active"}).data] == ["DE"]
        s.configure(registrations=[])
        assert registrations.list().data == []

    def test_looks_like_stripes(self, s: StandIn) -> None:
        s.configure(tax="not_activated")
        found = [add(s), s.add_endpoint(URL, api_version=None)]
        for path in ("account", "tax/settings", "tax/registrations", "webhook_endpoints"):
            found.append(call(s, "GET", f"/v1/{path}")[1])
        assert [m for thing in found for m in known_mismatches(thing, thing["object"])] == []
