import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crm", "0008_imports_of_files")]

    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["team", "-lead_score", "-id"], name="contact_by_score"),
        ),
        migrations.CreateModel(
            name="ActivityRepeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("times", models.PositiveIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
                (
                    "activity",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="repeat", to="crm.activity"
                    ),
                ),
            ],
        ),
    ]
