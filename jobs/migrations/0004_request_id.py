from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_clock")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="request_id",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Of the request that it came of", max_length=64
            ),
        ),
    ]
