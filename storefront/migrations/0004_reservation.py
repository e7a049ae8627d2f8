"""Hold is called Reservation in the code; its table keeps its name."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("storefront", "0003_growth")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Hold", "Reservation"),
                migrations.AlterModelTable("Reservation", "storefront_hold"),
            ]
        )
    ]
