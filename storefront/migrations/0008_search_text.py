"""Products that are there already get the text that search looks through."""

from itertools import batched
from typing import Any

from django.db import migrations, transaction

from storefront.ops.spelling import searchable

BATCH = 500


def fold(apps: Any, schema_editor: Any) -> None:
    """A batch at a time: no sale waits for more than one."""
    products = apps.get_model("storefront", "Product").objects
    keys = list(products.filter(search_text="").order_by("id").values_list("id", flat=True))
    for batch in batched(keys, BATCH):
        with transaction.atomic():
            folded = list(products.filter(id__in=batch).only("id", "name", "description"))
            for product in folded:
                product.search_text = searchable(f"{product.name} {product.description}")
            products.bulk_update(folded, ["search_text"])


class Migration(migrations.Migration):
    atomic = False  # the tables are locked by 0007, and not while this goes over the rows

    dependencies = [("storefront", "0007_shelf")]

    operations = [migrations.RunPython(fold, migrations.RunPython.noop)]
