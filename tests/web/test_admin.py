"""The administration opens for every model, and refuses to change what only the program writes."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from jobs.models import Job
from people.models import User
from tests import builders
from tests.web.conftest import Office, make_office
from work.models import Task

OURS = (
    "jobs",
    "people",
    "crm",
    "work",
    "notifications",
    "webhooks",
    "assignment",
    "performance",
    "learning",
    "automation",
    "api",
)
MODELS = [model for label in OURS for model in apps.get_app_config(label).get_models()]
READ_ONLY = (
    "Job",
    "Activity",
    "Assignment",
    "Firing",
    "Notification",
    "ScoreSnapshot",
    "TeamScore",
    "RuleVersion",
    "ApiToken",
)


@pytest.fixture
def boss(office: Office, browser_of):
    return browser_of(builders.make_manager(team=office.manager.team, is_superuser=True, is_staff=True))


@pytest.fixture(scope="module")
def lasting_boss(lasting: None) -> User:
    return builders.make_manager(team=make_office().manager.team, is_superuser=True, is_staff=True)


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_has_its_list_and_its_page(model, lasting_boss: User, browser_of) -> None:
    boss = browser_of(lasting_boss)
    assert model in admin.site._registry, f"{model.__name__} is not registered"
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert boss.get(reverse(f"{name}_changelist"), {"q": "x"}).status_code == 200
    row = model._default_manager.first()
    if row is not None:
        assert boss.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
    added = boss.get(reverse(f"{name}_add")).status_code
    assert added == (403 if model.__name__ in READ_ONLY else added)


def test_a_dead_job_is_run_again(office: Office, boss) -> None:
    Job.objects.update(state=Job.DEAD)
    address = reverse("admin:jobs_job_changelist")
    boss.post(address, {"action": "run_again", "_selected_action": [str(office.job.pk)]})
    assert Job.objects.get(pk=office.job.pk).state == Job.PENDING


def test_tasks_are_completed_by_the_verb(office: Office, boss) -> None:
    boss.post(reverse("admin:work_task_changelist"), {"action": "complete", "_selected_action": [office.task.pk]})
    assert Task.objects.get(pk=office.task.pk).status == Task.DONE
    assert Job.objects.filter(key__endswith=":score", user_id=office.member.pk).exists()


def test_people_are_deactivated_never_deleted(office: Office, boss) -> None:
    address = reverse("admin:people_user_changelist")
    boss.post(address, {"action": "deactivate", "_selected_action": [office.member.pk]})
    office.member.refresh_from_db()
    assert not office.member.is_active
    assert boss.post(reverse("admin:people_user_delete", args=[office.member.pk])).status_code == 403
