"""The zones that touches were planned in so far are those of today."""

from django.db import migrations, models


def fill(apps, schema_editor):
    people = apps.get_model("people", "User").objects.exclude(timezone="").order_by("pk")
    zones = {}
    for pk, team_id, name in people.values_list("pk", "team", "timezone"):
        zones.setdefault(team_id, {})[str(pk)] = name
    teams = apps.get_model("people", "Team").objects
    for pk, name in teams.values_list("pk", "timezone"):
        teams.filter(pk=pk).update(followed_zones=[{"team": name, "people": zones.get(pk, {})}])


class Migration(migrations.Migration):
    dependencies = [("people", "0003_crm_in_full")]
    operations = [
        migrations.AddField(
            model_name="team",
            name="followed_zones",
            field=models.JSONField(
                default=list,
                editable=False,
                help_text="Those that touches may be on, as hours.zones tells them, newest first",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
