"""Erasing a person: no row of the database holds a word of them any more, and every figure stays."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models

from api.models import IdempotentAnswer
from automation import engine
from automation.models import Enrolment, Firing, ParkedPair, TaskAutomationRule
from crm import consent, erase, forms, intake, merge, signals, unmatched
from crm.models import Activity, ActivityConflict, Contact, ContactIdentity, InboundForm
from people.models import Change
from performance.models import DailyReport
from tests import builders
from tests.api.conftest import Caller
from tests.builders import NOW
from work import lifecycle
from work.models import Assignment, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MARK = "zqzq"
MADE_BY_THE_PROGRAM = {
    "crm.Activity": {"activity_type", "source", "origin", "signal", "content_hash"},
    "crm.ActivityConflict": {"content_hash"},
    "work.Task": {"origin_key", "group_key", "once_key", "kind", "priority_source"},
    "work.Assignment": {"method", "outcome"},
    "notifications.Notification": {"key", "kind", "path"},
    "assignment.Suggestion": {"state"},
    "automation.Firing": {"trigger_key", "kind", "outcome", "path"},
    "automation.ScheduledTaskBatch": {"active_key", "cadence"},
    "automation.Enrolment": {"state", "active_key"},
    "automation.EnrolmentStep": {"key", "state"},
}
"""Words and keys of the program's own, built from ids: no text of anybody goes there. All else is planted."""


def rows_of(contact: Contact) -> dict[type[models.Model], set[int]]:
    """Every row that points to the contact, or to a row that does."""
    found: dict[type[models.Model], set[int]] = {Contact: {contact.pk}}
    waiting = [Contact]
    while waiting:
        model = waiting.pop()
        for relation in model._meta.get_fields(include_hidden=True):
            if not (relation.auto_created and (relation.one_to_many or relation.one_to_one)):
                continue
            child = relation.related_model
            rows = child._default_manager.filter(**{f"{relation.field.name}__in": found[model]})
            new = set(rows.values_list("pk", flat=True)) - found.setdefault(child, set())
            if new:
                found[child] |= new
                waiting.append(child)
    return found


def plant(contact: Contact) -> set[str]:
    """A word of its own in every text and JSON column of these rows; the names of the columns."""
    planted = set()
    for model, ids in rows_of(contact).items():
        label = model._meta.label
        for field in model._meta.concrete_fields:
            if not isinstance(field, models.CharField | models.TextField | models.JSONField) or field.choices:
                continue
            if field.name in MADE_BY_THE_PROGRAM.get(label, ()):
                continue
            for pk in ids:
                word = f"{MARK}{field.name}{pk}"[: field.max_length or 99]
                value: Any = word
                if isinstance(field, models.JSONField):
                    value = {"note": word, "list": [word, {"deep": word}], word: 1, "old_status": word, "user_id": word}
                elif isinstance(field, models.EmailField):
                    value = f"{word}@example.com"
                model._default_manager.filter(pk=pk).update(**{field.name: value})
                planted.add(f"{label}.{field.name}")
    return planted


def leaks() -> Iterator[str]:
    """Where in the whole database the mark still stands."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    if MARK in str(value).lower():
                        yield f"{table}.{name}: {value}"
    for answer in IdempotentAnswer.objects.all():  # under its seal
        if MARK in answer.body.lower():
            yield f"answer: {answer.body}"


def a_whole_life(owner: Any) -> Contact:
    """A contact of which there is a row of every kind, and one that was merged into it."""
    contact, other = builders.make_contact(owner, phone="1"), builders.make_contact(owner)
    rule, sequence = builders.make_rule(owner), builders.make_sequence(owner)
    activity = builders.make_activity(contact, source_key="k1")
    ActivityConflict.objects.create(activity=activity, content_hash="h", data={"a": 1})
    ContactIdentity.objects.create(team=contact.team, contact=contact, source="crm", external_id="1")
    task = builders.make_task(owner, contact=contact, title="Call them back")
    done = builders.make_done_task(owner, contact=contact, due_spec={"a": 1})
    builders.make_firing(rule, task=task, activity=activity, reason="because")
    builders.make_firing(rule, contact=contact, outcome=Firing.WAITING, due_at=NOW)
    builders.make_firing(rule, contact=contact, outcome=Firing.FAILED, reason="bad")
    builders.make_notification(owner, task=task)
    builders.make_suggestion(done, to=owner, from_user=owner)
    ParkedPair.objects.create(rule=rule, contact=contact, reason="circles", chain=["a"], at=NOW)
    builders.make_enrolment(contact, sequence, done=1, reason="paused", undo={"a": 1})
    builders.make_batch(owner, contact=contact, kind="recurring", task_template={"title": "t"}, tasks=1)
    merge.merge(contact, other, by=owner, now=NOW)
    return contact


def test_no_row_of_the_database_holds_a_word_of_an_erased_contact() -> None:
    owner = builders.make_manager()
    contact = a_whole_life(owner)
    planted = plant(contact)
    assert len(planted) > 35, sorted(planted)
    contact.refresh_from_db()
    plant_elsewhere(contact, owner)
    assert len(list(leaks())) > 60
    erase.erase(contact, by=owner, now=NOW)
    assert not list(leaks())
    assert contact.name == f"Erased contact {contact.pk}"
    line = contact.activities.get(activity_type=Activity.CONTACT_ERASED)
    assert (line.actor, line.data, line.occurred_at) == (owner, {}, NOW)
    of_task, of_rule = Change.objects.exclude(kind="sequence").order_by("pk")
    assert (of_task.actor, of_task.before, of_task.after) == (
        owner,
        {"status": "todo", "actual_hours": 1.0},
        {"status": "done", "actual_hours": 2.0},
    )
    assert of_rule.after == {"name": f"Call {contact.name}"}


def plant_elsewhere(contact: Contact, owner: Any) -> None:
    """In rows that only speak of the contact."""
    task = contact.tasks.order_by("pk").first()
    other = builders.make_task(owner)
    other.assignments.update(reasons={"sentence": f"“{task.title}” was 2nd", "choice": {"work": other.pk}})
    builders.make_notification(owner, title=f"“Rule” stopped for {contact.name.upper()}: circles", body=contact.email)
    builders.make_notification(owner, title="Yours", body=f"“{task.title}” was 2nd")
    builders.make_job(owner, error=f"ValueError: {contact.name} has no number", result={"reason": [task.title]})
    told = {"team": contact.team, "at": NOW, "actor": owner, "verb": "changed"}
    Change.objects.create(
        **told,
        kind="task",
        subject_id=task.pk,
        subject=MARK,
        before={"title": f"{MARK}1", "status": "todo", "actual_hours": 1.0},
        after={"title": task.title, "status": "done", "actual_hours": 2.0, "notes": MARK, "added_notes": MARK},
    )
    Change.objects.create(
        **told, kind="rule", subject_id=1, subject=f"Call {contact.name}", after={"name": f"Call {contact.name}"}
    )
    for row in (contact, task):
        LogEntry.objects.create(
            user=owner,
            content_type=ContentType.objects.get_for_model(type(row)),
            object_id=str(row.pk),
            object_repr=str(row),
            action_flag=CHANGE,
            change_message=f"{MARK}changed",
        )
    Activity.objects.create(
        team=contact.team, activity_type="email_opened", source_key=f"{contact.email}:1", data={"to": [contact.email]}
    )
    data = {"suggestions": [{"sentence": f"Move {task.title}"}], "tasks": 7}
    DailyReport.objects.create(team=contact.team, on=NOW.date(), data=data, created_at=NOW)
    moved = builders.make_task(owner, title=f"Call {contact.name} today")
    builders.make_firing(TaskAutomationRule.objects.earliest("pk"), contact=contact, task=moved)
    answer = {"id": task.pk, "title": "Call", "contact_id": contact.pk, "notes": f"{MARK}answered"}
    IdempotentAnswer.objects.create(
        user=owner, key="k", request_hash="h", status=201, body=json.dumps(answer), created_at=NOW
    )


def test_names_in_other_letters_are_found_on_both_databases() -> None:
    owner = builders.make_manager()
    contact = builders.make_contact(owner, name="Zoë Żółć")
    builders.make_notification(owner, title="Stopped for Zoë Żółć: circles")
    jobs = [builders.make_job(owner, error="ZOË ŻÓŁĆ failed"), builders.make_job(owner, result={"why": "zoë żółć"})]
    other = builders.make_contact(owner, name="Zoë Żółćowa")
    builders.make_notification(owner, title="Stopped for Zoë Żółćowa")
    erase.erase(contact, by=owner, now=NOW)
    assert [row.title for row in owner.notifications.order_by("pk")] == [
        f"Stopped for Erased contact {contact.pk}: circles",
        "Stopped for Zoë Żółćowa",
    ]
    for job in jobs:
        job.refresh_from_db()
        assert contact.name in f"{job.error}{job.result}"
    other.refresh_from_db()
    assert other.name == "Zoë Żółćowa"


def test_what_is_under_way_ends_and_what_counts_stays() -> None:
    owner = builders.make_manager()
    contact = a_whole_life(owner)
    started = builders.make_task(owner, contact=contact)
    lifecycle.set_status(started, Task.IN_PROGRESS, by=owner, now=NOW)
    rule = TaskAutomationRule.objects.earliest("pk")
    TaskAutomationRule.objects.update(times_triggered=3, tasks_created=2)
    builders.make_firing(rule, contact=contact, outcome=Firing.SUPPRESSED, reason="it fired for this contact before")
    kept = counts(contact)
    assert erase.erase(contact, by=owner, now=NOW)
    assert counts(contact) == kept
    assert not contact.tasks.open().exists()
    assert not Assignment.objects.filter(task__contact=contact, ended_at=None).exists()
    assert contact.tasks.filter(status=Task.CANCELLED).count() >= 3
    assert not Firing.objects.filter(outcome=Firing.WAITING).exists()
    assert Firing.objects.filter(reason="it fired for this contact before").count() == 1
    assert set(Enrolment.objects.values_list("state", flat=True)) == {Enrolment.EXITED}
    assert consent.may_mail(contact) == (False, "the contact was erased")
    assert not Activity.objects.unprocessed().exists()
    assert not Contact.objects.changed_by_hand().exists()
    rule.refresh_from_db()
    assert (rule.times_triggered, rule.tasks_created) == (3, 2)


def counts(contact: Contact) -> dict[str, Any]:
    """What figures are made of."""
    wiped = (Activity.CONTACT_ERASED, Activity.TASK_STATUS_CHANGED)
    seen = contact.activities.exclude(activity_type__in=wiped).order_by("pk")
    held = Assignment.objects.filter(task__contact=contact).order_by("pk")
    return {
        "activities": list(seen.values_list("pk", "activity_type", "occurred_at", "received_at")),
        "tasks": list(contact.tasks.order_by("pk").values_list("pk", "due_date", "completed_at", "actual_hours")),
        "held": list(held.values_list("pk", "user", "assigned_at", "estimated_hours", "actual_hours", "skill_match")),
        "firings": list(Firing.objects.filter(contact=contact).order_by("pk").values_list("pk", "rule", "task", "at")),
        "fired": Firing.objects.filter(contact=contact, outcome=Firing.FIRED).count(),
    }


def test_twice_is_once() -> None:
    contact = builders.make_contact()
    assert erase.erase(contact, by=None, now=NOW)
    assert not erase.erase(contact, by=None, now=NOW + timedelta(days=1))
    assert contact.erased_at == NOW
    assert contact.activities.filter(activity_type=Activity.CONTACT_ERASED).count() == 1


def test_all_of_a_merged_person_goes_and_nothing_is_left_to_part() -> None:
    owner = builders.make_manager()
    survivor, absorbed = builders.make_contact(owner), builders.make_contact(owner)
    row = merge.merge(survivor, absorbed, by=owner, now=NOW)
    with pytest.raises(erase.CannotErase, match=f"contact {survivor.pk}"):
        erase.erase(absorbed, by=owner, now=NOW)
    erase.erase(survivor, by=owner, now=NOW)
    absorbed.refresh_from_db()
    row.refresh_from_db()
    assert (absorbed.email, absorbed.erased_at, row.before) == ("", NOW, {})
    with pytest.raises(merge.CannotPart, match="erased"):
        merge.unmerge(row, by=owner, now=NOW)


def test_a_later_event_of_the_address_is_somebody_new() -> None:
    owner = builders.make_manager()
    contact = builders.make_contact(owner)
    email, team = contact.email, contact.team
    first = intake.Incoming(
        "email_opened", contact_email=email, source="mail", source_key=f"{email}:1", data={"a": email}
    )
    intake.record(team, [first], now=NOW)
    erase.erase(contact, by=owner, now=NOW)
    later = intake.Incoming("email_opened", contact_email=email, source="mail", source_key="2")
    intake.record(team, [later], now=NOW, unmatched=True)
    assert Activity.objects.get(source_key="2").contact is None
    intake.record(team, [intake.Incoming("call", contact_email=email)], now=NOW, creates_contacts=True)
    assert Contact.objects.standing().get().pk != contact.pk


def told(email: str, key: str, **said: Any) -> intake.Incoming:
    data = {"recipient": email, "description": f"{MARK}said", **said}
    return intake.Incoming("email_clicked", contact_email=email, source="mail", source_key=key, data=data)


@pytest.mark.parametrize("key", ["event-1", "hash:0f", "own:0f"])
def test_an_event_told_again_after_the_erasure_is_a_repeat_and_stores_nothing(key: str) -> None:
    owner = builders.make_manager()
    contact = builders.make_contact(owner, email=f"{MARK}@example.com", name="Ann")
    again = told(contact.email, key)
    intake.record(owner.team, [again], now=NOW)
    erase.erase(contact, by=owner, now=NOW)
    kept = set(Activity.objects.values_list("pk", "source_key"))
    for event in (again, told(again.contact_email, key, more="words")):
        outcome = intake.record(owner.team, [event], now=NOW, unmatched=True, creates_contacts=True)
        assert (outcome.accepted, outcome.duplicates, outcome.rejected) == ([], 1, [])
    assert set(Activity.objects.values_list("pk", "source_key")) == kept
    assert not Contact.objects.standing().exists()
    assert not list(leaks())


def test_the_same_key_in_another_team_is_another_event() -> None:
    for owner in (builders.make_manager(), builders.make_manager()):
        contact = builders.make_contact(owner)
        intake.record(owner.team, [told(contact.email, "event-1")], now=NOW)
        erase.erase(contact, by=owner, now=NOW)
        again = intake.record(owner.team, [told(contact.email, "event-1")], now=NOW, unmatched=True)
        assert (again.accepted, again.duplicates) == ([], 1)


def test_a_submission_sent_again_after_the_erasure_makes_nobody() -> None:
    owner = builders.make_manager()
    form = InboundForm.objects.create(team=owner.team, name="Ask us")
    values = {"email": f"{MARK}@example.com", "name": "Ann"}
    forms.submit(form, values, now=NOW, submission_id="s1")
    erase.erase(Contact.objects.get(), by=owner, now=NOW)
    assert forms.submit(form, values, now=NOW, submission_id="s1").duplicate
    assert not Contact.objects.standing().exists()
    assert not list(leaks())


def test_what_came_twice_about_the_person_goes_wherever_it_is_kept() -> None:
    owner = builders.make_manager()
    contact, other = builders.make_contact(owner, email=f"{MARK}@example.com"), builders.make_contact(owner)

    def record(email: str, key: str, **said: Any) -> None:
        event = intake.Incoming("call", contact_email=email, source="mail", source_key=key, data=said)
        intake.record(owner.team, [event], now=NOW, unmatched=True)

    record("nobody@example.com", "1", recipient="nobody@example.com")
    record("nobody@example.com", "1", recipient=contact.email)
    record(other.email, "2", recipient=other.email)
    record(contact.email, "2", note=f"{MARK}wrote")
    record(other.email, "2", note="likes tea")
    erase.erase(contact, by=owner, now=NOW)
    assert not list(leaks())
    assert [row.data for row in ActivityConflict.objects.all()] == [{"note": "likes tea"}]


def test_what_waited_of_the_person_waits_no_longer() -> None:
    owner = builders.make_manager()
    contact = builders.make_contact(owner)
    Activity.objects.create(
        team=owner.team, activity_type="email_opened", data={"to": contact.email}, processed_at=NOW, source_key="1"
    )
    assert unmatched.waiting(owner).count() == 1
    erase.erase(contact, by=owner, now=NOW)
    assert not unmatched.waiting(owner).exists()


def test_one_who_came_back_by_an_event_told_again_can_be_erased_too() -> None:
    """As rows of before hold it, when such an event still made a contact."""
    owner = builders.make_manager()
    for _ in range(2):
        contact = builders.make_contact(owner)
        builders.make_activity(contact, source="mail", source_key="event-1", data={"note": f"{MARK}said"})
        assert erase.erase(contact, by=owner, now=NOW)
    assert not list(leaks())
    assert Activity.objects.filter(activity_type=Activity.EMAIL_OPENED).count() == 2


def test_nobody_takes_the_place_of_an_erased_event() -> None:
    owner = builders.make_manager()
    outcome = intake.record(owner.team, [told(builders.make_contact(owner).email, "erased:0f")], now=NOW)
    [refused] = outcome.rejected
    assert (refused.errors[0].pointer, refused.errors[0].code) == ("/source_key", "reserved")


def test_an_event_that_comes_in_during_the_erasure_is_wiped() -> None:
    contact = builders.make_contact()
    erase.erase(contact, by=None, now=NOW)
    stray = builders.make_activity(contact, activity_type=Activity.EMAIL_REPLIED, data={"text": "Hello"})
    engine.drain(contact.team_id, now=NOW)
    stray.refresh_from_db()
    assert stray.data == {}
    assert stray.processed_at is not None


def test_what_comes_twice_during_the_erasure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = builders.make_manager()
    contact, other = builders.make_contact(owner), builders.make_contact(owner)
    intake.record(owner.team, [told(other.email, "1")], now=NOW)
    mark = signals.mark

    def erased_meanwhile(rows: Any) -> None:
        """Between finding the contact and storing what names it."""
        erase.erase(contact, by=owner, now=NOW)
        mark(rows)

    monkeypatch.setattr(signals, "mark", erased_meanwhile)
    event = intake.Incoming("call", contact_email=contact.email, source="mail", source_key="1", data={"note": "Hello"})
    assert intake.record(owner.team, [event], now=NOW).duplicates == 1
    assert not ActivityConflict.objects.exists()


def test_a_long_life_is_erased_too() -> None:
    owner = builders.make_manager()
    contact = builders.make_contact(owner, name="Zoë Żółć")
    Task.objects.bulk_create(
        Task(title=f"Nächster Schritt {place}", contact=contact, owner=owner, created_at=NOW) for place in range(600)
    )
    Activity.objects.bulk_create(
        Activity(contact=contact, activity_type="call", data={"note": "Zoë"}, team=owner.team) for _ in range(1200)
    )
    quoted = builders.make_notification(owner, title="Nächster Schritt 599 was 2nd", body="of Zoë Żółć")
    erase.erase(contact, by=owner, now=NOW)
    quoted.refresh_from_db()
    assert (quoted.title, quoted.body) == (f"{contact.name} was 2nd", f"of {contact.name}")
    assert not contact.tasks.exclude(status=Task.CANCELLED).exists()
    assert not contact.activities.exclude(data={}).exclude(activity_type=Activity.TASK_STATUS_CHANGED).exists()


def test_what_others_have_is_left_alone() -> None:
    owner = builders.make_manager()
    contact, other = builders.make_contact(owner, name="Ann"), builders.make_contact(owner, name="Annika")
    Contact.objects.filter(pk=contact.pk).update(phone="1", email="ann@example.com")
    contact.refresh_from_db()
    namesake = Activity.objects.create(
        team=owner.team, activity_type="call", data={"to": "joann@example.com", "name": "Ann", "n": 1}
    )
    task = builders.make_task(owner, contact=other, title="Call Annika", notes="likes tea")
    activity = builders.make_activity(other, data={"note": "Annika called"})
    told = builders.make_notification(owner, title="New task: Call Annika", task=task)
    erase.erase(contact, by=owner, now=NOW)
    for row in (task, activity, told, other, namesake):
        before = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
        row.refresh_from_db()
        assert before == {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_kept_answer_is_not_given_again_and_nothing_is_done_twice() -> None:
    owner = builders.make_manager()
    ask = Caller(owner)
    made = ask.post("/api/contacts", {"name": "Ann Lee"}, Idempotency_Key="one")
    contact = Contact.objects.get(pk=made.json()["id"])
    erase.erase(contact, by=owner, now=NOW)
    again = ask.post("/api/contacts", {"name": "Ann Lee"}, Idempotency_Key="one")
    assert again.status_code == 404
    assert "erased" in again.json()["detail"]
    assert Contact.objects.count() == 1
