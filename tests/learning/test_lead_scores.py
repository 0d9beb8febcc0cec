"""Scores of leads: from what was known before they ended, with reasons; priorities by rank that people may overrule."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm import contacts as contact_verbs
from crm import erase, merge
from crm.models import Activity, Contact
from domain.learning import lead_points, lead_score
from learning import lead_features, lead_models, lead_scores, reading, settings
from learning.models import ContactScore, LeadOutcome, LeadSnapshot, ScoreModel, TeamLearning
from people.models import Team, User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 3, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def lead(owner: User, *, came_by: str = "", days_ago: int = 60, replies: int = 0, **fields: Any) -> Contact:
    """A lead that came so many days ago, by a form of that name, and replied on its first morning."""
    created = NOW - days_ago * DAY
    contact = builders.make_contact(owner, created_at=created, **fields)
    told = [(Activity.FORM_SUBMITTED, created, came_by)] if came_by else []
    told += [(Activity.EMAIL_REPLIED, created + timedelta(hours=1), "postmark")] * replies
    for kind, at, source in told:
        builders.make_activity(contact, activity_type=kind, occurred_at=at, received_at=at, source=source)
    return contact


def ended(contact: Contact, *, won: bool, at: datetime = NOW - DAY) -> None:
    status = Contact.ACTIVE if won else Contact.LOST
    contact_verbs.update(contact, by=None, now=at, status=status)


def learn(team: Team, *, now: datetime = NOW) -> ScoreModel | None:
    reading.read(team, now=now)
    lead_features.take_snapshots(team, now=now)
    return lead_models.train(team, now=now)


def history(owner: User, *, each: int = 40, seed: int = 1) -> None:
    """Leads that were seen in their first night and ended later: from fairs three of four were won, else one."""
    chance = random.Random(seed)
    people = [lead(owner, came_by=("fair", "advert")[n % 2], phone="1") for n in range(2 * each)]
    lead_features.take_snapshots(owner.team, now=NOW - 59 * DAY)
    for n, contact in enumerate(people):
        ended(contact, won=chance.random() < (0.75, 0.25)[n % 2], at=NOW - (50 - n / 2 / each * 40) * DAY)


def score_of(contact: Contact) -> ContactScore:
    return ContactScore.objects.get(contact=contact)


def priority_of(contact: Contact, **fields: Any) -> str | None:
    return lead_scores.Priorities(contact.team).of(contact.pk, **fields)


def test_few_outcomes_give_a_score_by_points_with_reasons(manager: User) -> None:
    plain = builders.make_contact(manager, email="a@gmail.com")
    rich = lead(manager, came_by="fair", days_ago=0, replies=1, phone="1", company="C", email="a@firm.example")
    made = learn(manager.team)
    assert made is not None
    assert (made.kind, made.n, made.active) == ("rules", 0, True)
    later = NOW + timedelta(hours=2)
    assert lead_scores.refresh(manager.team, now=later).leads == 2
    assert (score_of(plain).score, score_of(rich).score) == (0, 46)
    told = {reason["field"]: reason["points"] for reason in score_of(rich).reasons}
    assert told.keys() <= {"mail", "phone", "company", "engagement"}
    assert told["engagement"] == pytest.approx(16, abs=0.1)
    rich.refresh_from_db()
    assert rich.lead_score == 46


def test_enough_outcomes_teach_what_leads_are_won(manager: User) -> None:
    history(manager)
    made = learn(manager.team)
    assert made is not None
    assert (made.kind, made.n) == ("learned", 80)
    assert made.check_data is not None
    assert made.check_data["n"] == 16
    fair, advert = (lead(manager, came_by=name, days_ago=0, phone="1") for name in ("fair", "advert"))
    lead_features.take_snapshots(manager.team, now=NOW)
    lead_scores.refresh(manager.team, now=NOW)
    assert score_of(fair).score > 55 > 45 > score_of(advert).score
    assert score_of(fair).chance == pytest.approx(score_of(fair).score / 100, abs=0.01)
    best, worst = score_of(fair).reasons[0], score_of(advert).reasons[-1]
    assert (best["field"], best["value"], worst["value"]) == ("came_by", "fair", "advert")
    assert best["points"] > 0 > worst["points"]


def test_what_was_written_down_after_the_first_night_is_not_read(manager: User) -> None:
    """Whoever wins a lead notes a company; a score that read that would know the end from its traces."""
    history(manager, seed=2)
    won = Contact.objects.filter(status=Contact.ACTIVE)
    won.update(company="Known since", tags=["customer"])
    for contact in won:
        builders.make_activity(contact, activity_type=Activity.EMAIL_REPLIED, occurred_at=NOW - 2 * DAY)
    learn(manager.team)
    model = lead_score.Model.from_dict(ScoreModel.objects.get().data)
    silent, telling = (
        lead_score.score(model, [{"came_by": "fair", "mail": "company", "phone": "known", **more}])[0].parts
        for more in ({"company": "missing", "engagement": 8.0}, {"company": "known", "engagement": 8.0})
    )
    assert not [card.field for card in model.cards if card.field.startswith("tag:")]
    assert "known" not in {card.field: card.weights for card in model.cards}["company"]
    assert silent["engagement"] == telling["engagement"]
    engaged = {card.field: card for card in model.cards}["engagement"]
    assert max(engaged.edges, default=0) < 8.1, "a reply would have made it more"


def test_of_leads_from_before_only_what_the_ledger_says_is_read(manager: User) -> None:
    contact = lead(manager, came_by="fair", replies=1, phone="1")
    ended(contact, won=True)
    quick = lead(manager, came_by="fair")
    ended(quick, won=True, at=quick.created_at + timedelta(hours=3))
    reading.read(manager.team, now=NOW)
    lead_features.take_snapshots(manager.team, now=NOW)
    (one,) = lead_models.ended(manager.team, TeamLearning(team=manager.team))
    assert (one.contact_id, one.won, one.facts) == (contact.pk, True, {"came_by": "fair"})
    assert one.as_of == contact.created_at + DAY
    assert lead_features.engagements({contact.pk: one.as_of}, ())[contact.pk] == pytest.approx(
        16 * 0.5 ** (1 / 14), rel=0.01
    )


def test_a_team_says_what_winning_means_and_customers_are_no_leads(manager: User) -> None:
    customer = lead(manager)
    ended(customer, won=True, at=NOW - 40 * DAY)
    ended(customer, won=False, at=NOW - 2 * DAY)
    idle = lead(manager)
    contact_verbs.update(idle, by=None, now=NOW - 3 * DAY, status=Contact.INACTIVE)
    born = lead(manager, status=Contact.ACTIVE)
    ended(born, won=False)
    called = lead(manager)
    task = builders.make_task(manager, contact=called)
    lifecycle.complete(task, by=manager, now=NOW, outcome="won")
    reading.read(manager.team, now=NOW)
    mine = TeamLearning(team=manager.team)
    assert {one.contact_id: one.won for one in lead_models.ended(manager.team, mine)} == {
        customer.pk: True,
        called.pk: True,
    }
    mine.lost_statuses = [Contact.LOST, Contact.INACTIVE]
    assert {one.contact_id: one.won for one in lead_models.ended(manager.team, mine)}[idle.pk] is False


def told(contact: Contact, outcome: str, at: datetime, owner: User) -> Task:
    """A task for the contact that is completed with this outcome."""
    task = builders.make_task(owner, contact=contact)
    return lifecycle.complete(task, by=owner, now=at, outcome=outcome).task


@pytest.mark.parametrize(
    ("story", "won"),
    [
        ("task:lost@9 task:won@5", True),
        ("task:lost@9 task:lost@8 task:won@5 task:lost@1", False),
        ("lost@9 active@5", True),
        ("task:lost@9 lost@8 lead@7 active@5", True),
        ("lost@9 active@5 lost@1", False),
        ("active@20 lost@5", True),
        ("active@20 task:lost@5", True),
        ("active@9 lost@7", False),
        ("task:won@20 task:lost@5", True),
        ("task:won@9 task:lost@8", False),
        ("task:won@9 active@9 lead@8 task:lost@2", False),
    ],
)
def test_a_lead_ended_as_it_ended_in_the_end(manager: User, story: str, won: bool) -> None:
    """Given up and won later is won; a win that stood for a week stays one, whatever becomes of the customer."""
    contact = lead(manager)
    for said, _, days in (one.partition("@") for one in story.split()):
        at = NOW - int(days) * DAY
        if said.startswith("task:"):
            told(contact, said.removeprefix("task:"), at, manager)
        else:
            contact_verbs.update(contact, by=None, now=at, status=said)
    reading.read(manager.team, now=NOW)
    (one,) = lead_models.ended(manager.team, TeamLearning(team=manager.team))
    assert (one.contact_id, one.won) == (contact.pk, won)


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_what_comes_of_work_for_a_customer_is_no_end_of_a_lead(manager: User, outcome: str) -> None:
    """A customer from the first day, also one who leaves later, and one who became one before anything was read."""
    for leaves in (False, True):
        customer = lead(manager, status=Contact.ACTIVE)
        told(customer, outcome, NOW - 5 * DAY, manager)
        if leaves:
            ended(customer, won=False)
    reading.read(manager.team, now=NOW)
    assert lead_models.ended(manager.team, TeamLearning(team=manager.team)) == []


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_lead_that_ended_by_what_came_of_its_task_has_no_score(manager: User, outcome: str) -> None:
    """Until the word is taken back, or its status says that it goes on."""
    contact = lead(manager, days_ago=3, phone="1")
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)

    def scored(now: datetime) -> int:
        reading.read(manager.team, now=now)
        lead_scores.refresh(manager.team, now=now)
        contact.refresh_from_db()
        assert (contact.lead_score > 0) == ContactScore.objects.filter(contact=contact).exists()
        return contact.lead_score

    assert scored(NOW) > 0
    task = told(contact, outcome, NOW, manager)
    assert scored(NOW + DAY) == 0
    lifecycle.say_outcome(task, "reached", by=manager, now=NOW + DAY)
    assert scored(NOW + 2 * DAY) > 0
    lifecycle.say_outcome(task, outcome, by=manager, now=NOW + 2 * DAY)
    assert scored(NOW + 3 * DAY) == 0
    for status in (Contact.INACTIVE, Contact.LEAD):
        contact_verbs.update(contact, by=None, now=NOW + 3 * DAY, status=status)
    assert scored(NOW + 4 * DAY) > 0


def test_an_end_that_was_taken_back_is_none(manager: User) -> None:
    slipped, again = lead(manager), lead(manager)
    for contact in (slipped, again):
        ended(contact, won=False, at=NOW - 9 * DAY)
        contact_verbs.update(contact, by=None, now=NOW - 8 * DAY, status=Contact.LEAD)
    ended(again, won=True, at=NOW - 2 * DAY)
    reading.read(manager.team, now=NOW)
    (one,) = lead_models.ended(manager.team, TeamLearning(team=manager.team))
    assert (one.contact_id, one.won, one.at) == (again.pk, True, NOW - 2 * DAY)


def test_a_lead_that_comes_back_is_scored_again(manager: User) -> None:
    contact = lead(manager, days_ago=3, phone="1", company="C")
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)
    for status, phone, score in ((Contact.ACTIVE, "1", 0), (Contact.LEAD, "1", 30), (Contact.LEAD, "", 20)):
        contact_verbs.update(contact, by=None, now=NOW, status=status, phone=phone)
        lead_scores.refresh(manager.team, now=NOW)
        contact.refresh_from_db()
        assert contact.lead_score == score
    Contact.objects.update(status=Contact.ACTIVE, lead_score=77)
    lead_scores.refresh(manager.team, now=NOW)
    contact.refresh_from_db()
    assert contact.lead_score == 77, "a person's own stays"


def test_points_from_before_for_a_trait_or_for_a_bare_tag(manager: User) -> None:
    """The trait counts nothing, the tag only for those who have it; neither keeps anything else from being changed."""
    tagged, plain = (lead(manager, days_ago=0, email="", tags=tags) for tags in (["vip", "female"], ["female"]))
    lines = [{"field": "tag:vip", "points": 50}, {"field": "tag:female", "points": 9, "equals": "yes"}]
    TeamLearning.objects.create(team=manager.team, points=lines)
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)
    assert (score_of(tagged).score, score_of(plain).score) == (50, 0)
    assert settings.change(manager.team, by=manager, now=NOW, times=False).points == lines


def test_a_computed_score_that_came_with_a_merged_contact_is_computed_on(manager: User) -> None:
    learn(manager.team)
    first, twin = lead(manager, phone="1"), builders.make_contact(manager)
    lead_scores.refresh(manager.team, now=NOW)
    first.refresh_from_db()
    Contact.objects.filter(pk=twin.pk).update(lead_score=0)
    ContactScore.objects.filter(contact=twin).delete()
    twin.refresh_from_db()
    assert first.lead_score
    merge.merge(twin, first, by=manager, now=NOW)
    twin.refresh_from_db()
    assert twin.lead_score == first.lead_score
    for meetings in (1, 2):
        builders.make_activity(twin, activity_type=Activity.MEETING_BOOKED, occurred_at=NOW, received_at=NOW)
        lead_scores.refresh(manager.team, now=NOW)
        twin.refresh_from_db()
        assert twin.lead_score == score_of(twin).score > first.lead_score, meetings


def test_a_score_that_somebody_set_stays_theirs(manager: User) -> None:
    mine, others = lead(manager, days_ago=0, phone="1"), lead(manager, days_ago=0, phone="1")
    learn(manager.team)
    Contact.objects.filter(pk=mine.pk).update(lead_score=77)
    lead_scores.refresh(manager.team, now=NOW)
    Contact.objects.update(phone="", company="C", email="")
    Contact.objects.filter(pk=others.pk).update(company="")
    lead_scores.refresh(manager.team, now=NOW + DAY)
    scores = dict(Contact.objects.values_list("pk", "lead_score"))
    assert scores == {mine.pk: 77, others.pk: 0}
    assert score_of(mine).score == 10


def test_asked_again_nothing_is_written(manager: User) -> None:
    for n in range(5):
        lead(manager, days_ago=0, phone="1" * (n % 2))
    learn(manager.team)
    assert lead_scores.refresh(manager.team, now=NOW).changed == 5
    assert lead_scores.refresh(manager.team, now=NOW) == lead_scores.Scored(5, 0, 0)


def test_work_follows_the_score_until_a_person_says_otherwise(manager: User) -> None:
    contact = lead(manager, days_ago=0, phone="1", company="C")
    for _ in range(9):
        lead(manager, days_ago=0)
    learn(manager.team)
    tasks = {
        name: builders.make_task(manager, contact=contact, priority="low", priority_source=source, **more)
        for name, source, more in (
            ("follows", Task.BY_SCORE, {}),
            ("own", "", {}),
            ("begun", Task.BY_SCORE, {"status": Task.IN_PROGRESS}),
            ("decided", Task.BY_SCORE, {}),
        )
    }
    lifecycle.edit(tasks["decided"], by=manager, now=NOW, priority="medium")
    assert lead_scores.refresh(manager.team, now=NOW).tasks == 1
    assert score_of(contact).priority == Task.URGENT
    now = {name: Task.objects.get(pk=task.pk).priority for name, task in tasks.items()}
    assert now == {"follows": Task.URGENT, "own": "low", "begun": "low", "decided": "medium"}


def test_the_priority_of_work_that_is_made(manager: User) -> None:
    contacts = [lead(manager, days_ago=0, phone="1" * (n < 2)) for n in range(30)]
    assert priority_of(contacts[0]) is None
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)
    low = next(one for one in contacts if score_of(one).priority == Task.LOW)
    assert priority_of(contacts[0]) == Task.URGENT
    assert (priority_of(low), priority_of(low, pressing=True)) == (Task.LOW, Task.HIGH)
    TeamLearning.objects.create(team=manager.team, scores=False)
    assert priority_of(contacts[0]) is None


def test_who_wrote_within_the_hour_is_not_put_last_by_the_night(manager: User) -> None:
    TeamLearning.objects.create(
        team=manager.team, points=[{"field": "did:form_submitted", "points": 0}, {"field": "phone", "points": 1}]
    )
    contacts = [lead(manager, days_ago=0, phone="1" * (n < 2)) for n in range(30)]
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)
    low, machine, earlier = [one for one in contacts if score_of(one).priority == Task.LOW][:3]
    at = NOW + DAY
    for contact, ago, fields in (
        (low, 50, {}),
        (machine, 50, {"signal": Activity.MACHINE}),
        (earlier, 70, {}),
    ):
        then = at - timedelta(minutes=ago)
        said = {"activity_type": Activity.FORM_SUBMITTED, "occurred_at": then, "received_at": then}
        builders.make_activity(contact, **said, **fields)
    lead_scores.refresh(manager.team, now=at)
    told = [(score_of(one).priority, score_of(one).priority_reason) for one in (low, machine, earlier)]
    assert told[0] == (Task.HIGH, "pressing")
    assert "pressing" not in {reason for _, reason in told[1:]}


def test_versions_are_made_when_due_and_one_can_go_back(manager: User) -> None:
    team = manager.team
    first = learn(team)
    assert first is not None
    assert learn(team, now=NOW + 6 * DAY) is None
    TeamLearning.objects.create(team=team, points=[{"field": "came_by", "points": 30, "equals": "fair"}])
    second = learn(team, now=NOW + 6 * DAY)
    third = learn(team, now=NOW + 14 * DAY)
    assert [row and row.version for row in (second, third)] == [2, 3]
    assert lead_models.activate(team, 1, by=manager, now=NOW).active
    assert learn(team, now=NOW + 30 * DAY) is not None
    assert [row.version for row in ScoreModel.objects.filter(active=True)] == [1]
    with pytest.raises(lead_models.NoSuchVersion, match="1, 2, 3, 4"):
        lead_models.activate(team, 9, by=manager, now=NOW)
    assert lead_models.release(team, by=manager, now=NOW) == ScoreModel.objects.get(version=4)
    assert [row.version for row in ScoreModel.objects.filter(active=True)] == [4]


def test_who_is_no_lead_any_more_has_no_score_and_who_is_erased_no_row(manager: User) -> None:
    one, other = (lead(manager, days_ago=3) for _ in range(2))
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)
    ended(one, won=True)
    reading.read(manager.team, now=NOW)
    lead_scores.refresh(manager.team, now=NOW)
    assert ContactScore.objects.get().contact == other
    for contact in (one, other):
        erase.erase(contact, by=manager, now=NOW)
    for model in (ContactScore, LeadSnapshot, LeadOutcome):
        assert not model._default_manager.exists()
    learn(manager.team, now=NOW + 9 * DAY)
    assert lead_scores.refresh(manager.team, now=NOW) == lead_scores.Scored(0, 0, 0)


def test_personal_tags_are_not_looked_at(manager: User) -> None:
    facts = 5 * [{"tags": ["gender", "vip", "age"]}, {"tags": ["vip", "eu"]}, {}]
    assert lead_features.common_tags(facts, []) == ["eu", "vip"]


def test_merging_two_leads_keeps_one_score_and_parting_them_gives_back_both(manager: User) -> None:
    one, other = (lead(manager, days_ago=3) for _ in range(2))
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)
    row = merge.merge(one, other, by=manager, now=NOW)
    assert lead_scores.refresh(manager.team, now=NOW).leads == 1
    assert ContactScore.objects.get().contact == one
    merge.unmerge(row, by=manager, now=NOW)
    assert lead_scores.refresh(manager.team, now=NOW).leads == 2
    assert LeadSnapshot.objects.count() == 2


def test_a_tag_of_few_leads_is_no_feature() -> None:
    """It may name one of them, and a model would keep it after they were erased."""
    facts = [{"tags": ["fair"]}] * 4 + [{"tags": ["fair", "Ada Lovelace"]}] * 4
    assert lead_features.common_tags(facts, []) == ["fair"]
    assert lead_features.common_tags(facts, [lead_points.PointRule("tag:vip", 5, equals="yes")]) == ["fair", "vip"]


def test_a_customer_who_leaves_was_won(manager: User) -> None:
    slipped, left = lead(manager), lead(manager)
    ended(slipped, won=True, at=NOW - 9 * DAY)
    ended(left, won=True, at=NOW - 30 * DAY)
    for contact in (slipped, left):
        contact_verbs.update(contact, by=None, now=NOW - 8 * DAY, status=Contact.LEAD)
    reading.read(manager.team, now=NOW)
    assert [one.contact_id for one in lead_models.ended(manager.team, TeamLearning(team=manager.team))] == [left.pk]


def test_what_happened_before_and_was_told_later_was_not_known_then(manager: User) -> None:
    """Whoever wins a lead writes down how it came and what it did, with the date of then."""
    contact = lead(manager, came_by="fair")
    late = lead(manager)
    as_of = contact.created_at + DAY
    for one in (contact, late):
        happened = one.created_at - timedelta(hours=1)
        builders.make_activity(
            one, activity_type=Activity.EMAIL_REPLIED, occurred_at=happened, received_at=NOW - DAY, source="referral"
        )
    own = 8 * 0.5 ** (1 / 14)
    assert lead_features.engagements({contact.pk: as_of, late.pk: as_of}, ()) == {contact.pk: pytest.approx(own)}
    assert lead_features.engagements({late.pk: NOW}, ())[late.pk] > 0, "open leads are scored by all that is known now"
    lead_features.take_snapshots(manager.team, now=NOW)
    told = dict(LeadSnapshot.objects.values_list("contact", "features__came_by"))
    assert told == {contact.pk: "fair", late.pk: "by_hand"}


def test_what_a_lead_did_counts_by_the_teams_points_and_a_version_keeps_those_it_was_made_with(manager: User) -> None:
    contact = builders.make_contact(manager, email="")
    for kind in (Activity.EMAIL_CLICKED, "demo_watched", Activity.EMAIL_REPLIED):
        builders.make_activity(contact, activity_type=kind, occurred_at=NOW, received_at=NOW)

    def scored() -> int:
        learn(manager.team)
        lead_scores.refresh(manager.team, now=NOW)
        return score_of(contact).score

    assert scored() == 11
    lines = [{"field": "did:demo_watched", "points": 40}, {"field": "did:email_replied", "points": -5}]
    settings.change(manager.team, by=manager, now=NOW, points=lines)
    assert scored() == 35
    settings.change(manager.team, by=manager, now=NOW, points=[{"field": "phone", "points": 7, "equals": "known"}])
    assert scored() == 11, "without a line for any deed the usual ones count"
    assert learn(manager.team) is None, "nothing changed since"
    lead_models.activate(manager.team, 2, by=manager, now=NOW)
    assert scored() == 35


def test_a_version_from_before_deeds_had_lines_is_not_made_again(manager: User) -> None:
    made = learn(manager.team)
    assert made is not None
    made.data["rules"] = [rule for rule in made.data["rules"] if not rule["field"].startswith("did:")]
    made.save()
    assert learn(manager.team) is None


def test_a_score_that_somebody_set_stays_theirs_also_when_it_is_computed_too(manager: User) -> None:
    mine = lead(manager, days_ago=0, phone="1", email="")
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)
    seen = []
    contact_verbs.update(mine, by=manager, now=NOW, lead_score=20)
    for fields in ({"company": "C"}, {"company": "", "phone": ""}, {"phone": "1"}):
        contact_verbs.update(mine, by=manager, now=NOW, **fields)
        lead_scores.refresh(manager.team, now=NOW)
        mine.refresh_from_db()
        seen.append((score_of(mine).score, mine.lead_score))
    assert seen == [(20, 20), (0, 20), (10, 20)]
    contact_verbs.update(mine, by=manager, now=NOW, lead_score=0)
    lead_scores.refresh(manager.team, now=NOW)
    mine.refresh_from_db()
    assert mine.lead_score == 10, "nothing is nobody's own"


def test_saving_a_contact_as_it_is_makes_its_score_nobodys_own(manager: User) -> None:
    """The form of a contact says all of it, the score among it."""
    contact = lead(manager, days_ago=0, phone="1", email="")
    learn(manager.team)
    lead_scores.refresh(manager.team, now=NOW)
    contact.refresh_from_db()
    contact_verbs.update(contact, by=manager, now=NOW, lead_score=10, company="C")
    lead_scores.refresh(manager.team, now=NOW)
    contact.refresh_from_db()
    assert contact.lead_score == 20
