"""Tasks that were there before learn their kind from what made them, so that it is known how long they take."""

from django.db import migrations
from django.db.models import CharField, F, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat


def fill(apps, schema_editor):
    tasks = apps.get_model("work", "Task").objects.filter(kind="")
    firings = apps.get_model("automation", "Firing").objects.filter(task=OuterRef("pk"))
    steps = apps.get_model("automation", "EnrolmentStep").objects.filter(task=OuterRef("pk"))
    made = {"rule": firings.annotate(made=_words(Value("rule:"), "rule"))} | {
        whose: steps.filter(**{f"enrolment__{whose}__isnull": False}).annotate(
            made=_words(Value(f"{whose}:"), f"enrolment__{whose}", Value(":"), "key")
        )
        for whose in ("sequence", "campaign")
    }
    for rows in made.values():
        known = tasks.annotate(made=Subquery(rows.order_by("pk").values("made")[:1]))
        known.filter(made__isnull=False).update(kind=F("made"))
    tasks.filter(origin_key__startswith="overdue:").update(kind="overdue")
    tasks.filter(group_key__startswith="batch:").update(kind="recurring")


def _words(*parts):
    texts = [Cast(F(part), CharField()) if isinstance(part, str) else part for part in parts]
    return Concat(*texts, output_field=CharField())


class Migration(migrations.Migration):
    dependencies = [("automation", "0005_numbers_fit"), ("work", "0006_ties_and_kinds")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
