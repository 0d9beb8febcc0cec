import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crm", "0004_rows_of_before")]
    operations = [
        migrations.AddField(
            model_name="activityconflict",
            name="contact",
            field=models.ForeignKey(
                editable=False,
                help_text="Whom it names",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="crm.contact",
            ),
        )
    ]
