"""What holds for every page: headers, errors in words, and the health of the process."""

import pytest
from django.test import Client

from tests.cast import Shopper

pytestmark = pytest.mark.django_db
PAGES = ["/", "/orders/", "/nowhere/", "/admin/login/", "/healthz", "/readyz"]


class TestEveryPage:
    @pytest.mark.parametrize("page", PAGES)
    def test_carries_the_strict_policy(self, ada: Shopper, page: str):
        policy = ada.get(page)["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self' https://checkout.stripe.com" in policy
        assert "unsafe" not in policy

    @pytest.mark.parametrize("page", PAGES)
    def test_carries_the_other_headers(self, ada: Shopper, page: str):
        response = ada.get(page)
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"

    @pytest.mark.parametrize("page", ["/", "/orders/", "/nowhere/"])
    def test_loads_no_script_but_htmx(self, ada: Shopper, page: str):
        text = ada.get(page).text
        assert text.count("<script") == 1
        assert '/static/django_htmx/htmx-2.min.js" defer></script>' in text
        assert " style=" not in text
        assert "<style" not in text


class TestErrorsInWords:
    def test_a_page_that_is_not_there(self, ada: Shopper):
        response = ada.get("/nowhere/")
        assert response.status_code == 404
        assert "There is no such page" in response.text

    def test_a_fault_of_ours(self, monkeypatch: pytest.MonkeyPatch):
        def broken(*args: object) -> None:
            raise RuntimeError

        monkeypatch.setattr("storefront.views.shop_front", broken)
        response = Client(raise_request_exception=False).get("/")
        assert response.status_code == 500
        assert "Something went wrong here" in response.text

    def test_a_host_that_is_not_ours(self):
        assert Client().get("/", headers={"Host": "evil.example"}).status_code == 400


class TestHealth:
    def test_the_process_answers(self):
        assert Client().get("/healthz").status_code == 200

    def test_the_database_answers(self):
        assert Client().get("/readyz").status_code == 200

    def test_a_pending_migration_is_not_ready(self):
        from django.db.migrations.recorder import MigrationRecorder

        MigrationRecorder.Migration.objects.filter(app="checkout").delete()
        response = Client().get("/readyz")
        assert response.status_code == 503
        assert "migrate" in response.text
