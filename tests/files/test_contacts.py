"""Contacts from files: what is recognised, made, changed and refused, by the real address."""

from datetime import UTC, datetime

import pytest

from crm import merge
from crm.files import imports
from crm.files.models import Import, ImportPart
from crm.models import Contact, ContactIdentity
from people.models import Change
from tests import builders
from tests.api.conftest import Caller, World, problem
from tests.builders import NOW
from tests.files.conftest import bring_in, counted, run_jobs, upload

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HEAD = "E-Mail;First name;Last name;Ort;Company;Status;Cadence;Next follow-up;Zone;Score;Tags;Tel;Owner\n"
ADA = "ada@x.org;Ada;Byron;weg;Lumen;Active;every 10 days;2026-12-24 09:30;Europe/Berlin;7;vip, b;+44 20;{owner}\n"


def test_a_file_is_recognised_compared_and_carried_out(world: World) -> None:
    manager = Caller(world.manager)
    sent = upload(
        manager, HEAD + ADA.format(owner=world.member.email) + ";;;;;;;;;;;;\nbad;x;;;;gone;;1/2/26;;a;;;\n"
    ).json()
    assert (sent["state"], sent["format"], sent["encoding"], sent["delimiter"]) == ("read", "csv", "utf-8", ";")
    fields = {one["column"]: one["field"] for one in sent["columns"]}
    assert fields["E-Mail"] == "email"
    assert fields["Ort"] == "", "left out, and named so"
    assert fields["Company"] == "company"
    address = f"/api/imports/{sent['id']}"
    before = Contact.objects.count()
    checked = manager.post(f"{address}/check").json()
    assert Contact.objects.count() == before, "a comparison writes nothing"
    assert counted(checked) == {"created": 1, "refused": 1}
    new, refused = checked["difference"]
    assert (new["verdict"], new["line"], new["name"]) == ("created", 2, "Ada Byron")
    assert (
        new["changes"]["owner"] == [None, world.member.username] or new["changes"]["owner"][1] == world.member.username
    )
    assert refused["line"] == 4
    assert {fault["column"] for fault in checked["faults"]} == {"E-Mail", "Status", "Next follow-up", "Score"}
    assert manager.post(f"{address}/run").status_code == 202
    run_jobs()
    done = manager.get(address).json()
    assert done["state"] == "done"
    assert counted(done) == {"created": 1, "refused": 1}
    ada = Contact.objects.get(email="ada@x.org")
    assert (ada.name, ada.company, ada.status, ada.contact_cadence) == ("Ada Byron", "Lumen", "active", "days:10")
    assert ada.next_follow_up_at == ada.next_touch_at == datetime(2026, 12, 24, 9, 30, tzinfo=UTC)
    assert (ada.timezone, ada.lead_score, ada.tags, ada.owner) == ("Europe/Berlin", 7, ["vip", "b"], world.member)
    assert not ImportPart.objects.exists(), "rows are kept no longer than they are needed"
    (line,) = Change.objects.filter(kind="import")
    assert (line.actor, line.after["created"], line.subject_id) == (world.manager, 1, sent["id"])


def test_the_same_file_again_changes_nothing_and_another_only_when_asked(world: World, parts_of_three: None) -> None:
    manager = Caller(world.manager)
    rows = "".join(f"Person {n},p{n}@x.org,ext-{n}\n" for n in range(8)) + "No address,,\nNo address,,\n"
    file = "Name,Mail,ID\n" + rows
    assert counted(bring_in(manager, file)) == {"created": 9, "unchanged": 1}
    for _ in range(2):
        assert counted(bring_in(manager, file, update="true")) == {"unchanged": 10}
    moved = file.replace("p3@x.org", "three@x.org").replace("Person 4", "Four")
    assert counted(bring_in(manager, moved)) == {"differing": 2, "unchanged": 8}
    assert counted(bring_in(manager, moved, update="true")) == {"updated": 2, "unchanged": 8}
    assert Contact.objects.get(email="three@x.org").name == "Person 3", "known by its external id"
    assert Contact.objects.get(email="p4@x.org").name == "Four"
    assert Contact.objects.filter(team=world.team).exclude(pk=world.contact.pk).count() == 9


def test_a_comparison_says_what_the_run_does(world: World, parts_of_three: None) -> None:
    """Also of rows about one contact in parts far from each other."""
    builders.make_contact(world.member, email="known@x.org", name="Known")
    file = (
        "Name,Mail,Score\nA,a@x.org,1\nB,b@x.org,\nKnown,KNOWN@x.org,2\nA,A@x.org,1\nAa,a@x.org,3\n,,9\n"
        "Known,known@x.org,2\nKnown,known@x.org,4\nC,,1\nC,,1\nD,nonsense,\n"
    )
    manager = Caller(world.manager)
    sent = upload(manager, file, update="true").json()
    checked = manager.post(f"/api/imports/{sent['id']}/check").json()
    assert counted(checked) == counted(bring_in(manager, file, update="true"))
    assert counted(checked) == {"created": 3, "updated": 3, "unchanged": 3, "refused": 2}
    assert Contact.objects.get(email="a@x.org").name == "Aa"


def test_members_bring_in_what_they_own_and_learn_nothing_of_others(world: World) -> None:
    other = builders.make_contact(builders.make_user(team=world.team), email="taken@x.org", name="Secret")
    ContactIdentity.objects.create(team=world.team, contact=other, source="import", external_id="K1")
    member = Caller(world.member)
    file = (
        "Name,E-mail,External id,Owner,Nextmove id\n"
        f"Mine,mine@x.org,,,\nX,taken@x.org,,,\nY,,K1,,\nZ,z@x.org,,{world.lead.email},\nW,,,,{other.pk}\nV,,,,999999\n"
    )
    done = bring_in(member, file, update="true")
    assert counted(done) == {"created": 1, "refused": 5}
    assert Contact.objects.get(email="mine@x.org").owner == world.member
    told = {fault["line"]: fault for fault in done["faults"]}
    assert "taken in your team" in told[3]["message"]
    assert "taken in your team" in told[4]["message"]
    assert told[6]["message"].replace(str(other.pk), "N") == told[7]["message"].replace("999999", "N")
    assert "Secret" not in str(done)
    other.refresh_from_db()
    assert other.name == "Secret"
    assert problem(upload(member, file, owner_id=world.lead.pk), 403)
    assert problem(Caller(world.stranger).get(f"/api/imports/{done['id']}"), 404)
    assert problem(Caller(world.lead).get(f"/api/imports/{done['id']}"), 404)
    assert Caller(world.manager).get(f"/api/imports/{done['id']}").status_code == 200


def test_merged_contacts_are_found_and_opt_outs_stand(world: World) -> None:
    survivor = builders.make_contact(world.member, email="new@x.org", do_not_contact=True)
    absorbed = builders.make_contact(world.member, email="old@x.org")
    merge.merge(survivor, absorbed, by=world.manager, now=NOW)
    file = "Name,E-mail,Do not contact\n,old@x.org,no\nQ,q@x.org,yes\n"
    assert counted(bring_in(Caller(world.manager), file, update="true")) in (
        {"updated": 1, "created": 1},
        {"created": 1, "unchanged": 1},
    )
    survivor.refresh_from_db()
    assert survivor.do_not_contact
    assert Contact.objects.get(email="q@x.org").do_not_contact


def test_a_kill_between_parts_goes_on_and_one_bad_row_stops_nothing(
    world: World, parts_of_three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Caller(world.manager)
    file = "Name,E-mail\n" + "".join(f"P{n},p{n}@x.org\n" for n in range(10))
    sent = upload(manager, file).json()
    manager.post(f"/api/imports/{sent['id']}/run")
    row = Import.objects.get(pk=sent["id"])
    assert imports.carry_on(row.pk, 0, now=NOW)
    assert not imports.carry_on(row.pk, 0, now=NOW), "a second delivery finds the cursor moved"

    def killed(self, job, outcomes):  # what was written before it is rolled back with the cursor
        raise KeyboardInterrupt

    importer = imports.importer_of("contacts")
    good = type(importer).carry_out
    monkeypatch.setattr(type(importer), "carry_out", killed)
    with pytest.raises(KeyboardInterrupt):
        imports.carry_on(row.pk, 1, now=NOW)
    row.refresh_from_db()
    assert (row.done_rows, Contact.objects.filter(email__endswith="@x.org").count()) == (3, 3)

    def choking(self, job, outcomes):
        if any(one.name == "P4" for one in outcomes):
            raise RuntimeError("nobody foresaw this")
        return good(self, job, outcomes)

    monkeypatch.setattr(type(importer), "carry_out", choking)
    run_jobs()
    done = manager.get(f"/api/imports/{row.pk}").json()
    assert (done["state"], counted(done)) == ("done", {"created": 9, "refused": 1})
    assert [fault["line"] for fault in done["faults"]] == [6]


def test_states_are_moved_by_one_caller(world: World) -> None:
    manager = Caller(world.manager)
    sent = upload(manager, "Foo,Bar\n1,2\n").json()
    address = f"/api/imports/{sent['id']}"
    assert "mapping" in problem(manager.post(f"{address}/check"), 422)["detail"]
    wrong = manager("PUT", f"{address}/mapping", {"mapping": {"Foo": "nmae"}})
    assert "nmae" in problem(wrong, 422)["detail"]
    assert manager("PUT", f"{address}/mapping", {"mapping": {"Foo": "name"}, "update": True}).status_code == 200
    assert counted(manager.post(f"{address}/check").json()) == {"created": 1}
    assert manager.post(f"{address}/run").status_code == 202
    assert manager.post(f"{address}/run").status_code == 202, "asked again it stays as it is"
    problem(manager.post(f"{address}/check"), 409)
    run_jobs()
    problem(manager.post(f"{address}/cancel"), 409)
    other = upload(manager, "Name\nX\n").json()
    assert manager.post(f"/api/imports/{other['id']}/cancel").json()["state"] == "cancelled"
    problem(manager.post(f"/api/imports/{other['id']}/run"), 409)
    listed = manager.get("/api/imports?limit=1").json()
    assert manager.get(listed["next"]).json()["results"][0]["id"] == sent["id"]
