"""What tasks wait for, who is kept off what, what kind of task it is; what was completed and reopened counts once."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def end_as_reopened(apps, schema_editor):
    assignments = apps.get_model("work", "Assignment").objects
    later = assignments.filter(task=models.OuterRef("task"), pk__gt=models.OuterRef("pk"))
    assignments.filter(models.Exists(later), outcome="completed").update(outcome="reopened")


class Migration(migrations.Migration):

    dependencies = [
        ('crm', '0007_an_erased_contact_names_nobody'),
        ('people', '0007_matching_settings'),
        ('work', '0005_waiting_by_priority'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Dependency',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.CreateModel(
            name='Exclusion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.AddField(
            model_name='task',
            name='kind',
            field=models.CharField(blank=True, editable=False, help_text='What made it, as rule:7: tasks of a kind take alike long', max_length=60),
        ),
        migrations.AddField(
            model_name='task',
            name='pinned',
            field=models.BooleanField(default=False, help_text='Stays with whoever holds it: nothing moves it by itself'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['team', 'kind', '-id'], name='task_of_kind'),
        ),
        migrations.AddField(
            model_name='dependency',
            name='task',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='dependencies', to='work.task'),
        ),
        migrations.AddField(
            model_name='dependency',
            name='waits_for',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='dependents', to='work.task'),
        ),
        migrations.AddField(
            model_name='exclusion',
            name='contact',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='exclusions', to='crm.contact'),
        ),
        migrations.AddField(
            model_name='exclusion',
            name='task',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='exclusions', to='work.task'),
        ),
        migrations.AddField(
            model_name='exclusion',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exclusions', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='dependency',
            constraint=models.UniqueConstraint(fields=('task', 'waits_for'), name='one_dependency_per_pair'),
        ),
        migrations.AddConstraint(
            model_name='dependency',
            constraint=models.CheckConstraint(condition=models.Q(('task', models.F('waits_for')), _negated=True), name='no_task_waits_for_itself'),
        ),
        migrations.AddConstraint(
            model_name='exclusion',
            constraint=models.UniqueConstraint(fields=('task', 'user'), name='one_exclusion_per_task'),
        ),
        migrations.AddConstraint(
            model_name='exclusion',
            constraint=models.UniqueConstraint(fields=('contact', 'user'), name='one_exclusion_per_contact'),
        ),
        migrations.AddConstraint(
            model_name='exclusion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('contact__isnull', False), ('task__isnull', True)), models.Q(('contact__isnull', True), ('task__isnull', False)), _connector='OR'), name='exclusion_of_one_thing'),
        ),
        migrations.RunPython(end_as_reopened, migrations.RunPython.noop),
    ]
