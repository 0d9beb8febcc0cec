"""The index of open tasks is put in words by which SQLite sees that a query may use it."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('crm', '0007_an_erased_contact_names_nobody'),
        ('people', '0007_matching_settings'),
        ('work', '0007_no_negative_hours'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='task',
            name='task_held',
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(models.Q(('status', 'done'), _negated=True), models.Q(('status', 'cancelled'), _negated=True), models.Q(('status', 'obsolete'), _negated=True)), fields=['assignee', 'due_date', 'id'], name='task_held'),
        ),
    ]
