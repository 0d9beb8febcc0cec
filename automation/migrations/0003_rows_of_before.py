"""Rules, firings and series that were there before, as the new columns tell of them."""

from django.db import migrations
from django.db.models import F, OuterRef, Subquery


def fill(apps, schema_editor):
    rules = apps.get_model("automation", "TaskAutomationRule").objects
    rules.update(seen_active=F("is_active"), active_since=F("created_at"))
    rules.filter(is_active=False).update(off_since=F("created_at"))
    firings = apps.get_model("automation", "Firing").objects
    of_activity = apps.get_model("crm", "Activity").objects.filter(pk=OuterRef("activity"))
    firings.update(
        kind=Subquery(rules.filter(pk=OuterRef("rule")).values("trigger_type")),
        root=F("activity"),
        occurred_at=Subquery(of_activity.values("occurred_at")),
    )
    firings.filter(occurred_at__isnull=True).update(occurred_at=F("at"))
    series = apps.get_model("automation", "ScheduledTaskBatch").objects.filter(kind="recurring")
    of_contact = apps.get_model("crm", "Contact").objects.filter(pk=OuterRef("contact"))
    series.update(recurs_from="touch", cadence=Subquery(of_contact.values("contact_cadence")))


class Migration(migrations.Migration):
    dependencies = [("automation", "0002_crm_in_full"), ("crm", "0004_rows_of_before")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
