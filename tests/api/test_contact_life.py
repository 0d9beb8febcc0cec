"""Merging, parting, opting out and erasing over HTTP: who may, what is answered, what is refused and why."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.models import Activity, Contact, ContactMerge
from tests import builders
from tests.api.conftest import Caller, World, problem

pytestmark = pytest.mark.database

PATHS: dict[str, Any] = {
    "merge": {"contact_id": 1},
    "unmerge": {},
    "opt-out": {"kind": "unsubscribed"},
    "opt-in": {"note": "Asked for it"},
    "erase": {"confirm": ""},
}


def path(contact: Contact, verb: str = "") -> str:
    return f"/api/contacts/{contact.pk}" + (f"/{verb}" if verb else "")


def test_two_become_one_and_two_again(world: World) -> None:
    ask, other = Caller(world.member), builders.make_contact(world.member)
    made = ask.post(path(world.contact, "merge"), {"contact_id": other.pk})
    assert made.status_code == 201, made.content
    row = made.json()
    assert (row["survivor_id"], row["absorbed_id"], row["by_id"]) == (world.contact.pk, other.pk, world.member.pk)
    gone = problem(ask.get(path(other)), 404)
    assert f"contact {world.contact.pk}" in gone["detail"]
    problem(ask("PATCH", path(other), {"name": "x"}), 404)
    listed = ask.get("/api/contacts").json()["results"]
    assert [one["id"] for one in listed] == [world.contact.pk]
    assert [one["id"] for one in ask.get(path(world.contact, "merges")).json()["results"]] == [row["id"]]
    parted = ask.post(path(world.contact, "unmerge"), {})
    assert (parted.status_code, parted.json()["id"]) == (200, other.pk)
    assert ask.get(path(other)).status_code == 200
    problem(ask.post(path(world.contact, "unmerge"), {}), 409)
    problem(ask.post(path(world.contact, "unmerge"), {"merge_id": row["id"]}), 409)


def test_an_address_of_a_merged_contact_is_its_survivors(world: World) -> None:
    ask, other = Caller(world.member), builders.make_contact(world.member)
    ask.post(path(world.contact, "merge"), {"contact_id": other.pk})
    taken = problem(ask.post("/api/contacts", {"name": "New", "email": other.email}), 409)
    assert f"contact {world.contact.pk}" in taken["detail"]
    told = ask.post("/api/activities", {"contact_email": other.email, "activity_type": "call"})
    assert told.json()["accepted"] == 1, told.content
    assert Activity.objects.get(activity_type="call").contact == world.contact
    changed = ask("PATCH", path(world.contact), {"email": other.email})
    assert (changed.status_code, changed.json()["email"]) == (200, other.email)


def test_what_cannot_be_merged_says_why(world: World) -> None:
    ask = Caller(world.manager)
    problem(ask.post(path(world.contact, "merge"), {"contact_id": world.contact.pk}), 409)
    for unseen in (builders.make_contact().pk, 10**9):
        refused = problem(ask.post(path(world.contact, "merge"), {"contact_id": unseen}), 422)
        assert refused["errors"][0]["pointer"] == "/contact_id"
    problem(ask.post(path(world.contact, "unmerge"), {"merge_id": 10**9}), 404)


def test_after_30_days_it_stays(world: World) -> None:
    ask, other = Caller(world.member), builders.make_contact(world.member)
    ask.post(path(world.contact, "merge"), {"contact_id": other.pk})
    ContactMerge.objects.update(at=timezone.now() - timedelta(days=31))
    assert "30 days" in problem(ask.post(path(world.contact, "unmerge"), {}), 409)["detail"]


def test_contacts_of_others_are_merged_by_managers(world: World) -> None:
    other = builders.make_contact(world.lead)
    body = {"contact_id": other.pk}
    assert "manage_team" in problem(Caller(world.lead).post(path(world.contact, "merge"), body), 403)["detail"]
    problem(Caller(world.member).post(path(world.contact, "merge"), body), 422)
    problem(Caller(world.stranger).post(path(world.contact, "merge"), body), 404)
    assert Caller(world.manager).post(path(world.contact, "merge"), body).status_code == 201
    assert "manage_team" in problem(Caller(world.member).post(path(world.contact, "unmerge"), {}), 403)["detail"]


def test_opting_out_and_in(world: World) -> None:
    ask = Caller(world.member)
    for _ in range(2):
        out = ask.post(path(world.contact, "opt-out"), {"kind": "unsubscribed"})
        assert out.status_code == 200, out.content
        assert out.json()["unsubscribed_at"]
    assert Activity.objects.filter(activity_type=Activity.EMAIL_UNSUBSCRIBED).count() == 1
    problem(ask.post(path(world.contact, "opt-out"), {"kind": "tired"}), 422)
    for body in ({}, {"note": " "}):
        assert problem(ask.post(path(world.contact, "opt-in"), body), 422)["errors"][0]["pointer"] == "/note"
    again = ask.post(path(world.contact, "opt-in"), {"note": "Asked for it by phone"})
    assert (again.status_code, again.json()["unsubscribed_at"]) == (200, None)


def test_do_not_contact_is_a_field_and_is_noticed(world: World) -> None:
    ask = Caller(world.member)
    changed = ask("PATCH", path(world.contact), {"do_not_contact": True, "tags": ["vip"]}).json()
    assert (changed["do_not_contact"], changed["tags"]) == (True, ["vip"])
    told = Activity.objects.get(activity_type=Activity.DO_NOT_CONTACT)
    assert (told.actor, told.processed_at) == (world.member, None)
    ask("PATCH", path(world.contact), {"do_not_contact": True})
    ask("PATCH", path(world.contact), {"name": "Ann"})
    assert Activity.objects.filter(activity_type=Activity.DO_NOT_CONTACT).count() == 1
    back = ask("PATCH", path(world.contact), {"do_not_contact": False}).json()
    assert back["do_not_contact"] is False
    assert Activity.objects.get(activity_type=Activity.OPTED_IN).actor == world.member


def test_another_address_has_not_bounced(world: World) -> None:
    Contact.objects.filter(pk=world.contact.pk).update(bounced_at=timezone.now())
    ask = Caller(world.member)
    assert ask("PATCH", path(world.contact), {"email": world.contact.email.upper()}).json()["bounced_at"]
    assert ask("PATCH", path(world.contact), {"email": "new@example.com"}).json()["bounced_at"] is None


def test_a_manager_erases_who_is_named(world: World) -> None:
    ask = Caller(world.manager)
    wrong = problem(ask.post(path(world.contact, "erase"), {"confirm": "somebody"}), 422)
    assert wrong["errors"][0]["pointer"] == "/confirm"
    for user, status in ((world.member, 403), (world.lead, 403), (world.stranger, 404)):
        problem(Caller(user).post(path(world.contact, "erase"), {"confirm": world.contact.name}), status)
    done = ask.post(path(world.contact, "erase"), {"confirm": world.contact.email.upper()})
    assert (done.status_code, done.json()["contact_id"]) == (200, world.contact.pk)
    problem(ask.get(path(world.contact)), 404)
    problem(ask.post(path(world.contact, "erase"), {"confirm": "Erased contact"}), 404)
    task = ask.get(f"/api/tasks/{world.task.pk}").json()
    assert (task["status"], world.contact.name in str(task)) == ("cancelled", False)


def test_nobody_is_erased_by_an_empty_word(world: World) -> None:
    Contact.objects.filter(pk=world.contact.pk).update(email="")
    problem(Caller(world.manager).post(path(world.contact, "erase"), {"confirm": " "}), 422)


@pytest.mark.parametrize("verb", PATHS)
def test_a_stranger_and_nobody_get_nothing(world: World, verb: str) -> None:
    problem(Caller(world.stranger).post(path(world.contact, verb), PATHS[verb]), 404)
    assert Caller().post(path(world.contact, verb), PATHS[verb]).status_code == 401
    reader = Caller(world.manager, scopes=("contacts:read",))
    assert "contacts:write" in problem(reader.post(path(world.contact, verb), PATHS[verb]), 403)["detail"]
