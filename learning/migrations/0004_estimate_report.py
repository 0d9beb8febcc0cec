from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("learning", "0003_shared_out")]

    operations = [
        migrations.AddField(
            model_name="estimatefit",
            name="report",
            field=models.JSONField(
                default=dict, help_text="How estimates went, as domain.learning.estimates.Report"
            ),
        ),
    ]
