"""How a team weighs its work, how much a person may hold, and what skills ask for."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('people', '0006_scoring_policy'),
    ]

    operations = [
        migrations.CreateModel(
            name='SkillRequirement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('min_level', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(5)])),
            ],
        ),
        migrations.AddField(
            model_name='team',
            name='weight_balance',
            field=models.PositiveSmallIntegerField(default=200, help_text='How strongly work is spread: what an hour in a full week costs', validators=[django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AddField(
            model_name='team',
            name='weight_continuity',
            field=models.PositiveSmallIntegerField(default=100, help_text='What it counts that the person knows the contact', validators=[django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AddField(
            model_name='team',
            name='weight_priority',
            field=models.PositiveSmallIntegerField(default=400, help_text="What a task's priority counts in its value, in thousandths", validators=[django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AddField(
            model_name='team',
            name='weight_skill',
            field=models.PositiveSmallIntegerField(default=200, help_text="What it counts how well the person's skills match", validators=[django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AddField(
            model_name='team',
            name='weight_urgency',
            field=models.PositiveSmallIntegerField(default=300, help_text='What it counts how soon the task is due', validators=[django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AddField(
            model_name='user',
            name='focus_factor',
            field=models.DecimalField(decimal_places=2, default=Decimal('1'), help_text='The share of working hours that tasks may fill, from 0.05 to 1; the rest is for all else', max_digits=3, validators=[django.core.validators.MinValueValidator(Decimal('0.05')), django.core.validators.MaxValueValidator(Decimal('1'))]),
        ),
        migrations.AddField(
            model_name='user',
            name='wip_limit',
            field=models.PositiveSmallIntegerField(blank=True, help_text='How many open tasks they may hold before they are given no more; empty: any number', null=True, validators=[django.core.validators.MaxValueValidator(1000)]),
        ),
        migrations.AddConstraint(
            model_name='team',
            constraint=models.CheckConstraint(condition=models.Q(('weight_balance__lte', 1000), ('weight_priority', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.Value(1000), '-', models.F('weight_urgency')), '-', models.F('weight_skill')), '-', models.F('weight_continuity')))), name='team_weights_sum_to_1000'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('focus_factor__gt', 0), ('focus_factor__lte', 1)), name='focus_is_a_share'),
        ),
        migrations.AddField(
            model_name='skillrequirement',
            name='needs',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='people.skill'),
        ),
        migrations.AddField(
            model_name='skillrequirement',
            name='skill',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='requirements', to='people.skill'),
        ),
        migrations.AddConstraint(
            model_name='skillrequirement',
            constraint=models.UniqueConstraint(fields=('skill', 'needs'), name='one_requirement_per_pair_of_skills'),
        ),
    ]
