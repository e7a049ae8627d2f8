"""A release's migrations: servers of the last one go on writing, and nobody waits for long."""

from datetime import datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from checkout.models import Order, StripeEvent
from storefront.models import Shop
from tools.growth.upgrade import LAST_RELEASE

columns = import_module("checkout.migrations.0015_delivery")
marking = import_module("checkout.migrations.0017_shipped_before")
index = import_module("checkout.migrations.0018_orders_to_ship")


@pytest.fixture(scope="session")
def last_release() -> Apps:
    """The models of the last release, which name the columns that it knew."""
    return MigrationLoader(None).project_state(LAST_RELEASE).apps


class TestServersOfTheLastRelease:
    def test_add_what_this_one_reads(self, last_release: Apps, db: None):
        old = last_release.get_model("checkout", "Order").objects.create(
            shopper=uuid4(), total_cents=1, currency="usd", shipping_name="Ada"
        )
        order = Order.objects.get(pk=old.pk)
        assert (order.note, order.search_text, order.settlement_currency) == ("", "", "")
        assert (order.fee_cents, order.net_cents, order.dispute_due_by) == (None, None, None)

    @pytest.mark.parametrize("label", ["checkout", "storefront"])
    def test_name_no_column_that_needs_a_value(self, last_release: Apps, label: str):
        known = {model.__name__: model for model in last_release.get_app_config(label).get_models()}
        added = [
            field
            for model in apps.get_app_config(label).get_models()
            if model.__name__ in known
            for field in model._meta.local_concrete_fields
            if field.name not in {old.name for old in known[model.__name__]._meta.fields}
        ]
        assert added
        assert [field for field in added if not (field.null or field.has_db_default())] == []

    def test_make_a_shop_that_is_open(self, last_release: Apps, db: None):
        Shop.objects.all().delete()
        last_release.get_model("storefront", "Shop").objects.create(pk=1)
        shop = Shop.objects.get()
        assert (shop.state, shop.words, shop.version) == (Shop.State.OPEN, "", 0)


class TestOrdersOfBefore:
    @pytest.fixture(autouse=True)
    def in_small_batches(self, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
        monkeypatch.setattr(marking, "BATCH", 2)

    @pytest.fixture
    def began(self) -> datetime:
        """When the columns were added."""
        done = MigrationRecorder(connection).applied_migrations()
        applied: datetime = done["checkout", "0015_delivery"].applied
        return applied

    def order(self, paid_at: datetime | None, status: str = "PAID", **fields: Any) -> Order:
        created_at = (paid_at or timezone.now()) - timedelta(minutes=1)
        fields = {"currency": "usd", "paid_at": paid_at, "created_at": created_at} | fields
        return Order.objects.create(shopper=uuid4(), total_cents=1, status=status, **fields)

    def marked(self) -> dict[Any, datetime | None]:
        marking.mark(apps, SimpleNamespace(connection=connection))
        return dict(Order.objects.values_list("pk", "shipped_at"))

    @pytest.mark.parametrize("status", ["PAID", "REFUNDED"])
    def test_count_as_shipped_when_they_were_paid(self, began: datetime, status: str):
        orders = [self.order(began - timedelta(days=age), status) for age in range(1, 8)]
        assert self.marked() == {order.pk: order.paid_at for order in orders}

    def test_of_one_moment_are_all_found(self, began: datetime):
        orders = [self.order(began - timedelta(days=1)) for _ in range(5)]
        assert self.marked() == {order.pk: order.paid_at for order in orders}

    def test_are_not_those_without_money(self, began: datetime):
        order = self.order(None, "EXPIRED", created_at=began - timedelta(days=9))
        assert self.marked() == {order.pk: None}

    def test_are_not_those_paid_meanwhile(self, began: datetime):
        order = self.order(began, created_at=began - timedelta(days=1))
        assert self.marked() == {order.pk: None}

    @pytest.mark.parametrize(("seconds", "is_shipped"), [(-1, True), (1, False)])
    def test_are_those_heard_of_before(self, began: datetime, seconds: int, is_shipped: bool):
        """Stripe's moments are whole seconds, and an event may be late for days."""
        order = self.order(began - timedelta(days=1))
        StripeEvent.objects.create(
            event_id="evt_1",
            order=order,
            follow_up="order paid",
            received_at=began + timedelta(seconds=seconds),
        )
        assert (self.marked()[order.pk] is not None) is is_shipped

    def test_stay_as_an_interrupted_run_left_them(self, began: datetime):
        shipped = self.order(began - timedelta(days=2), shipped_at=began - timedelta(hours=1))
        order = self.order(began - timedelta(days=1))
        assert self.marked() == {shipped.pk: shipped.shipped_at, order.pk: order.paid_at}

    def test_are_the_same_when_it_runs_again_later(self, began: datetime):
        """The moment is that of the first attempt, which added the columns."""
        order = self.order(timezone.now())
        MigrationRecorder(connection).record_applied("checkout", "0014_offers")
        assert self.marked() == {order.pk: None}


class TestTables:
    @pytest.fixture
    def state(self) -> Any:
        return MigrationLoader(None).project_state()

    def test_get_columns_without_being_copied(self, state: Any, transactional_db: None):
        with connection.schema_editor(collect_sql=True, atomic=False) as editor:
            for operation in columns.Migration.operations:
                operation.database_forwards("checkout", editor, state, state)
            lines = [line for line in editor.collected_sql if not line.startswith("--")]
        assert len(lines) == len(columns.Migration.operations)
        assert all(line.startswith("ALTER TABLE") for line in lines)

    def test_get_an_index_that_was_interrupted(self, state: Any, transactional_db: None):
        if connection.vendor == "postgresql":
            self.asked("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass")
        with connection.schema_editor(atomic=False) as editor:
            for operation in index.Migration.operations:
                operation.database_forwards("checkout", editor, state, state)
        if connection.vendor == "postgresql":
            valid = self.asked("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass")
            assert valid == [(True,)]

    def asked(self, sql: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, ["orders_to_ship"])
            return cursor.fetchall() if cursor.description else []
