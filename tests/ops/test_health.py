"""Whether the process answers, and whether the shop can work."""

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from storefront.ops.health import HEALTH

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", HEALTH)
def test_all_is_well_by_any_name_of_the_host_and_without_https(address: str, settings: Settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get(address, headers={"Host": "10.0.0.7:8000"})
    assert answer.status_code == 200
    assert Client().post(address).status_code == 405


def test_a_shop_with_a_pending_migration_is_not_ready():
    MigrationRecorder.Migration.objects.filter(app="checkout").delete()
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert "migrate" in answer.text
