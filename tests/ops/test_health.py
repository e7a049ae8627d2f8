"""Whether the process answers, and whether the shop can work."""

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

pytestmark = pytest.mark.django_db


class TestHealth:
    def test_the_process_answers(self):
        assert Client().get("/healthz").status_code == 200

    def test_the_database_answers(self):
        assert Client().get("/readyz").status_code == 200

    def test_a_pending_migration_is_not_ready(self):
        MigrationRecorder.Migration.objects.filter(app="checkout").delete()
        response = Client().get("/readyz")
        assert response.status_code == 503
        assert "migrate" in response.text
