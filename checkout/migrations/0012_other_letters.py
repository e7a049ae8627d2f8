"""The few e-mail addresses with other letters than ASCII's get an index, to be found by the desk."""

from django.db import migrations, models
from django.db.models import Q

from storefront.ops.spelling import HasOtherLetters


class Migration(migrations.Migration):
    dependencies = [("checkout", "0011_emails_by_age")]

    operations = [
        migrations.AddIndex(
            "order",
            models.Index(
                condition=Q(HasOtherLetters("email")),
                fields=["email"],
                name="orders_of_other_letters",
            ),
        ),
    ]
