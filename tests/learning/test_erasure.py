"""Nothing that was learned of a person is left when they are erased: no row, and no word in anybody else's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from crm import contacts, erase
from crm.models import Contact
from domain.learning import lead_score
from domain.learning.lead_points import PointRule
from learning import lead_features, lead_models, lead_scores, nights, reading, settings
from learning.models import (
    ContactAttempt,
    ContactScore,
    Experiment,
    ExperimentContact,
    LeadOutcome,
    LeadSnapshot,
    ScoreModel,
    TeamLearning,
)
from people.models import Change, User
from tests import builders
from tests.learning import past
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime.now(UTC)
SAYS = ("Zacharias Quillfeather", "quillfeather", "+49 151 9876543", "Quillfeather Zinc", "only-quillfeather")
MODELS = list(apps.get_app_config("learning").get_models())


def whole(model: type[models.Model]) -> str:
    """All that stands in a table, as text."""
    rows: Any = model._default_manager.values()
    return json.dumps(list(rows), default=str)


def rows_of(contact_id: int) -> dict[str, int]:
    """By model the rows that point to the contact."""
    found = {}
    for model in MODELS:
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey) and field.related_model is Contact:
                found[model.__name__] = model._default_manager.filter(**{field.name: contact_id}).count()
    return found


def learned_of(owner: User) -> Contact:
    """A contact with a row in every table that tells of one."""
    contact = builders.make_contact(
        owner,
        name=SAYS[0],
        email="zach@quillfeather.example",
        phone=SAYS[2],
        company=SAYS[3],
        tags=[SAYS[4]],
        created_at=NOW - timedelta(days=90),
    )
    for hour in (9, 15):
        past.habit(contact, hour, until=NOW, days=60, idle=8)
    nights.learn(owner.team, now=NOW)
    task = builders.make_task(owner, contact=contact)
    lifecycle.complete(task, by=owner, now=NOW, outcome=Task.WON, notes=f"{SAYS[0]} agreed")
    reading.read(owner.team, now=NOW + timedelta(hours=5))
    trial = Experiment.objects.create(
        team=owner.team,
        subject_key="rule:1",
        delays_hours=[1, 24],
        window_hours=192,
        effect=0.1,
        base=0.3,
        per_arm=10,
        weekly=20,
        salt="x",
        started_at=NOW,
    )
    ExperimentContact.objects.create(experiment=trial, contact=contact, arm=0, triggered_at=NOW)
    return contact


def test_no_row_and_no_word_of_somebody_erased_is_left() -> None:
    owner = builders.make_manager()
    others = [builders.make_contact(owner) for _ in range(3)]
    for other in others:
        past.habit(other, 15, until=NOW, days=30)
    contact = learned_of(owner)
    before = rows_of(contact.pk)
    for model in (ContactAttempt, LeadOutcome, LeadSnapshot, ContactScore, ExperimentContact):
        assert before[model.__name__], f"{model.__name__} has nothing to forget"
    erase.erase(contact, by=owner, now=NOW)
    assert not any(rows_of(contact.pk).values())
    for model in MODELS:
        for word in SAYS:
            assert word.lower() not in whole(model).lower(), model.__name__
    assert rows_of(others[0].pk)["ContactAttempt"] == 60
    reading.read(owner.team, now=NOW)
    nights.learn(owner.team, now=NOW + timedelta(days=8))
    assert not any(rows_of(contact.pk).values()), "the next nights read nothing of them again"
    for model in MODELS:
        for word in SAYS:
            assert word.lower() not in whole(model).lower(), model.__name__


def test_a_tag_that_names_them_leaves_points_versions_and_the_reasons_of_others() -> None:
    owner = builders.make_manager()
    settings.change(
        owner.team,
        by=owner,
        now=NOW,
        points=[
            {"field": f"tag:{tag}", "points": points, "equals": equals}
            for tag, points, equals in ((SAYS[4], -5, "no"), ("Quillfeather Zinc", 3, "no"), ("vip", 10, "yes"))
        ],
    )
    contact = learned_of(owner)
    Contact.objects.filter(pk=contact.pk).update(tags=[SAYS[4], "vip"])
    other = builders.make_contact(owner, tags=["vip"])
    lead_scores.refresh(owner.team, now=NOW)
    assert {reason["field"] for reason in ContactScore.objects.get(contact=other).reasons} == {
        *(f"tag:{tag}" for tag in (SAYS[4], "Quillfeather Zinc", "vip"))
    }
    erase.erase(contact, by=owner, now=NOW)
    for model in (*MODELS, Change):
        for word in SAYS:
            assert word.lower() not in whole(model).lower(), model.__name__
    assert [line["field"] for line in TeamLearning.objects.get().points] == ["tag:vip"]
    rules = [line["field"] for line in ScoreModel.objects.get().data["rules"]]
    assert [field for field in rules if not field.startswith("did:")] == ["tag:vip"]
    assert [reason["field"] for reason in ContactScore.objects.get(contact=other).reasons] == ["tag:vip"]
    assert lead_models.train(owner.team, now=NOW) is None, "points and version still agree"


def test_a_tag_of_others_that_names_them_is_in_no_later_version() -> None:
    """Their leads are learned from as they stood in their first night, and would teach it again."""
    owner = builders.make_manager()
    contact = builders.make_contact(owner, name=SAYS[0])
    since = NOW - timedelta(days=60)
    tagged = [builders.make_contact(owner, created_at=since, tags=[f"by {SAYS[0]}", "vip"]) for _ in range(60)]
    lead_features.take_snapshots(owner.team, now=since + timedelta(days=1))
    for n, one in enumerate(tagged):
        contacts.update(one, by=None, now=NOW, status=Contact.ACTIVE if n % 2 else Contact.LOST)
    nights.learn(owner.team, now=NOW)
    assert SAYS[0].lower() in whole(ScoreModel).lower()
    erase.erase(contact, by=owner, now=NOW)
    assert lead_models.train(owner.team, now=NOW + timedelta(days=8)) is not None
    for model in MODELS:
        assert SAYS[0].lower() not in whole(model).lower(), model.__name__
    assert LeadSnapshot.objects.get(contact=tagged[0]).features["tags"] == ["vip"], "the other one stays"


def test_a_version_without_a_tag_scores_those_who_never_had_it_as_before() -> None:
    asked = [{"came_by": by, "tag:Ada": had, "mail": None} for by in ("web", "fair") for had in ("no", "yes")]
    leads = [lead_score.Lead(asked[n % 4], n % 4 == 3 or n % 6 == 0) for n in range(120)]
    model = lead_score.fit(leads, [PointRule("came_by", 5, equals="web"), PointRule("tag:Ada", 9, equals="yes")])
    less = model.without({"tag:Ada"})
    assert "Ada" not in json.dumps(less.as_dict())
    before, after = lead_score.score(model, asked), lead_score.score(less, asked)
    assert [after[n].chance for n in (0, 2)] == pytest.approx([before[n].chance for n in (0, 2)])
    assert before[1].chance != pytest.approx(before[0].chance)
