"""What the new columns hold for contacts that were there before them: nothing of theirs counts as changed by hand."""

from django.db import migrations
from django.db.models import F, Max, OuterRef, Subquery

OWN_MAKING = ("status_changed", "task_created", "task_assigned", "task_completed", "task_status_changed")
TOUCHES = ("call", "meeting", "email_replied")


def fill(apps, schema_editor):
    contacts = apps.get_model("crm", "Contact").objects
    activities = apps.get_model("crm", "Activity").objects.filter(contact=OuterRef("pk")).order_by()
    newest = activities.values("contact").annotate(at=Max("occurred_at")).values("at")
    contacts.update(
        seen_cadence=F("contact_cadence"),
        seen_timezone=F("timezone"),
        seen_follow_up_at=F("next_follow_up_at"),
        last_activity_at=Subquery(newest.exclude(activity_type__in=OWN_MAKING)),
        last_touch_at=Subquery(newest.filter(activity_type__in=TOUCHES)),
    )
    contacts.filter(next_follow_up_at__isnull=False).update(next_touch_at=F("next_follow_up_at"))


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_crm_in_full")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
