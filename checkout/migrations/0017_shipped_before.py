"""Orders that were paid before the shop knew of parcels count as shipped when they were paid.

Servers of the last release go on meanwhile: what is paid from 0015 on is still to be shipped.
"""

from datetime import datetime
from typing import Any

from django.db import migrations
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Exists, F, OuterRef

BATCH = 1_000


def mark(apps: Any, schema_editor: Any) -> None:
    """A batch at a time, by the orders' age: nobody waits for more than one.

    What an interrupted run has marked, the next one leaves as it is.
    """
    began = _columns_added_at(schema_editor.connection)
    orders = apps.get_model("checkout", "Order").objects.using(schema_editor.connection.alias)
    events = apps.get_model("checkout", "StripeEvent").objects
    # Stripe's clock has whole seconds, and news may be late: when we heard of it decides.
    heard_since = events.filter(order=OuterRef("pk"), received_at__gte=began).exclude(follow_up="")
    paid_before = orders.filter(
        ~Exists(heard_since),
        status__in=("PAID", "REFUNDED"),
        paid_at__lt=began,
        shipped_at=None,
    )
    rows, last = orders.filter(created_at__lt=began).order_by("created_at"), None
    while moments := _next(rows, last):
        batch = paid_before.filter(created_at__lte=moments[-1])
        batch = batch.filter(created_at__gt=last) if last else batch
        batch.update(shipped_at=F("paid_at"))
        last = moments[-1]


def _columns_added_at(connection: Any) -> datetime:
    done = MigrationRecorder(connection).migration_qs
    began: datetime = done.filter(app="checkout", name="0015_delivery").latest("applied").applied
    return began


def _next(rows: Any, last: datetime | None) -> list[datetime]:
    rest = rows.filter(created_at__gt=last) if last else rows
    return list(rest.values_list("created_at", flat=True)[:BATCH])


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("checkout", "0016_addresses_by_age")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
