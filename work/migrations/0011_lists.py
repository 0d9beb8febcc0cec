"""Indexes for what lists show. The others are made anew after them: see the order in `work.models.Task`."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

UNFINISHED = ~Q(status="done") & ~Q(status="cancelled") & ~Q(status="obsolete")

FIRST = [
    models.Index(fields=["team", "-id"], name="task_open", condition=UNFINISHED),
    models.Index(fields=["team", "status", "due_date", "-id"], name="task_column"),
    models.Index(fields=["team", "status", "-completed_at", "-id"], name="task_closed"),
]
AGAIN = [
    models.Index(fields=["team", "kind", "-id"], name="task_of_kind"),
    models.Index(fields=["contact", "status"], name="task_contact"),
    models.Index(fields=["contact", "due_date", "id"], name="task_next_of_contact", condition=UNFINISHED),
    models.Index(fields=["assignee", "due_date", "id"], name="task_held", condition=UNFINISHED),
    models.Index(
        fields=["team", "priority", "due_date"],
        name="task_waiting",
        condition=Q(status="todo", assignee__isnull=True),
    ),
    models.Index(
        fields=["team", "remind_at"],
        name="task_to_remind",
        condition=Q(remind_at__isnull=False, reminded_at__isnull=True),
    ),
    models.Index(fields=["team", "chase_at"], name="task_to_chase", condition=Q(chase_at__isnull=False)),
    models.Index(fields=["team", "id"], name="task_derived", condition=Q(due_spec__isnull=False) & UNFINISHED),
    models.Index(
        fields=["assignee", "-completed_at", "-id"],
        name="task_finished",
        condition=Q(completed_at__isnull=False),
    ),
]
NEW = "task_next_of_contact"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("crm", "0009_repeats_and_scores"), ("people", "0010_busy_times"), ("work", "0010_finished")]

    operations: ClassVar = [
        *[migrations.RemoveIndex(model_name="task", name=index.name) for index in AGAIN if index.name != NEW],
        *[migrations.AddIndex(model_name="task", index=index) for index in [*FIRST, *AGAIN]],
        migrations.AlterField(
            model_name="task",
            name="contact",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tasks",
                to="crm.contact",
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="team",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tasks",
                to="people.team",
            ),
        ),
    ]
