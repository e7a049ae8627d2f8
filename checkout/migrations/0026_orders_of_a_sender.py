"""With the state, the open orders of a sender are found whatever other indexes there are.

Without statistics SQLite had begun to look among all that wait.
"""

from django.db import migrations, models
from django.db.models import Q

from storefront.ops.migrating import AddIndexConcurrently, RemoveIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("checkout", "0025_finding_orders")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                fields=["sender", "status"], condition=~Q(sender=""), name="orders_of_a_sender"
            ),
        ),
        RemoveIndexConcurrently("order", "pending_orders_of_a_sender"),
    ]
