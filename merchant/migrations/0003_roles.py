"""Two groups for who works at the desk beside the merchant; what they may is the merchant's then.

Django makes permissions only after all migrations, so this one makes those that it gives, by the
names that Django would give them.
"""

from typing import Any

from django.db import migrations

ROLES = {
    "packer": (
        ("checkout", "order", "view_order", "Can view order"),
        ("checkout", "order", "change_order", "Can change order"),
        ("checkout", "orderitem", "view_orderitem", "Can view order item"),
    ),
    "bookkeeper": (
        ("checkout", "order", "view_order", "Can view order"),
        ("checkout", "orderitem", "view_orderitem", "Can view order item"),
        ("checkout", "refund", "view_refund", "Can view refund"),
    ),
}


def make(apps: Any, schema_editor: Any) -> None:
    """Make each group that is not there yet."""
    database = schema_editor.connection.alias
    groups, permissions, kinds = (
        apps.get_model(*names).objects.using(database)
        for names in (("auth", "Group"), ("auth", "Permission"), ("contenttypes", "ContentType"))
    )
    for role, allowed in ROLES.items():
        group, is_new = groups.get_or_create(name=role)
        for app, model, codename, name in allowed if is_new else ():
            kind, _ = kinds.get_or_create(app_label=app, model=model)
            known = {"content_type": kind, "codename": codename}
            group.permissions.add(permissions.get_or_create(**known, defaults={"name": name})[0])


class Migration(migrations.Migration):
    dependencies = [
        ("merchant", "0002_refund_request"),
        ("checkout", "0024_money"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
