from decimal import Decimal
from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Avg, Count, Max


def fill(apps: Any, _: Any) -> None:
    """The averages of the days before, of whoever is in the team now."""
    scores = apps.get_model("performance", "ScoreSnapshot").objects.order_by("user__team", "on")
    days = scores.values("user__team", "on").annotate(Avg("total"), Count("total"), Max("computed_at"))
    TeamScore = apps.get_model("performance", "TeamScore")
    TeamScore.objects.bulk_create(
        (
            TeamScore(
                team_id=day["user__team"],
                on=day["on"],
                average=None if day["total__avg"] is None else round(Decimal(day["total__avg"]), 5),
                people=day["total__count"],
                computed_at=day["computed_at__max"],
            )
            for day in days.iterator()
        ),
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [("performance", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="TeamScore",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("on", models.DateField()),
                (
                    "average",
                    models.DecimalField(
                        decimal_places=5,
                        help_text="Of those with enough data, unrounded",
                        max_digits=9,
                        null=True,
                    ),
                ),
                ("people", models.PositiveIntegerField(help_text="How many had enough data")),
                ("computed_at", models.DateTimeField()),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="scores", to="people.team"
                    ),
                ),
            ],
            options={
                "get_latest_by": "on",
                "constraints": [models.UniqueConstraint(fields=("team", "on"), name="one_team_score_a_day")],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
