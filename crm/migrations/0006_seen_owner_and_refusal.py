"""An owner changed by hand and a plain no set by hand are noticed, and whoever said no waits for no touch."""

from django.db import migrations, models
from django.db.models import F, Q


def fill(apps, schema_editor):
    """What was there before counts as seen. A touch that was planned is put off when its day comes."""
    apps.get_model("crm", "Contact").objects.update(
        seen_owner_id=F("owner_id"), seen_do_not_contact=F("do_not_contact")
    )


CHANGED_BY_HAND = (
    ~Q(seen_status=F("status"))
    | ~Q(seen_cadence=F("contact_cadence"))
    | ~Q(seen_timezone=F("timezone"))
    | ~Q(seen_do_not_contact=F("do_not_contact"))
    | Q(owner__isnull=False, seen_owner_id__isnull=True)
    | Q(owner__isnull=True, seen_owner_id__isnull=False)
    | Q(owner__lt=F("seen_owner_id"))
    | Q(owner__gt=F("seen_owner_id"))
    | Q(next_follow_up_at__isnull=False, seen_follow_up_at__isnull=True)
    | Q(next_follow_up_at__isnull=True, seen_follow_up_at__isnull=False)
    | Q(next_follow_up_at__lt=F("seen_follow_up_at"))
    | Q(next_follow_up_at__gt=F("seen_follow_up_at"))
)
UNPLANNED = Q(next_touch_at__isnull=True, do_not_contact=False) & ~Q(contact_cadence="")


class Migration(migrations.Migration):
    dependencies = [("crm", "0005_whom_a_conflict_names")]
    operations = [
        migrations.RemoveIndex("contact", "contact_changed_by_hand"),
        migrations.RemoveIndex("contact", "contact_unplanned"),
        migrations.AddField("contact", "seen_do_not_contact", models.BooleanField(default=False, editable=False)),
        migrations.AddField("contact", "seen_owner_id", models.BigIntegerField(null=True, blank=True, editable=False)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            "contact", models.Index(fields=["team"], name="contact_changed_by_hand", condition=CHANGED_BY_HAND)
        ),
        migrations.AddIndex("contact", models.Index(fields=["team"], name="contact_unplanned", condition=UNPLANNED)),
    ]
