"""Keys of mail providers, which stood in their column as they are, are sealed there."""

from django.db import migrations

from people import sealed


def seal(apps, schema_editor):
    for row in apps.get_model("crm", "InboundSource").objects.exclude(keys={}):
        row.keys = sealed.sealed(sealed.opened(row.keys))
        row.save(update_fields=["keys"])


def open_again(apps, schema_editor):
    """The release before reads them as they are. What cannot be opened stays, and is entered anew."""
    for row in apps.get_model("crm", "InboundSource").objects.exclude(keys={}):
        opened = sealed.opened(row.keys)
        row.keys = {
            name: value.kept if isinstance(value, sealed.Locked) else value for name, value in opened.items()
        }
        row.save(update_fields=["keys"])


class Migration(migrations.Migration):
    dependencies = [("crm", "0011_fewer_indexes")]
    operations = [migrations.RunPython(seal, open_again)]
