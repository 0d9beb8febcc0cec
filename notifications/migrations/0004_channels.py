"""Where people are reached by text message and chat, and the accounts of their teams."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0003_outside'),
        ('people', '0009_night_shifts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Address',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=10)),
                ('service', models.CharField(max_length=20)),
                ('sealed', models.TextField(editable=False)),
                ('shown', models.JSONField(default=dict, help_text='By field, with the secrets masked')),
                ('changed_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('code', models.TextField(blank=True, editable=False, help_text='Sealed; what proves that the number is theirs')),
                ('code_at', models.DateTimeField(null=True)),
                ('code_tries', models.PositiveSmallIntegerField(default=0)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='addresses', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'channel'), name='one_address_per_channel')],
            },
        ),
        migrations.CreateModel(
            name='Gateway',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=10)),
                ('service', models.CharField(max_length=20)),
                ('sealed', models.TextField(editable=False)),
                ('shown', models.JSONField(default=dict, help_text='By field, with the secrets masked')),
                ('changed_at', models.DateTimeField()),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gateways', to='people.team')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('team', 'channel'), name='one_gateway_per_channel')],
            },
        ),
    ]
