"""What one wants to hear of, by the API: the defaults, one's own choice, and what there is not."""

import pytest

from notifications.kinds import KINDS, Kind
from tests import builders
from tests.api.conftest import Caller, World, problem

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PATH = "/api/notifications/preferences"


def _by_default(kind: Kind) -> dict[str, str]:
    mailed, texted = ("now" if wish else "off" for wish in (kind.mailed, kind.texted))
    return {"email": mailed, "sms": texted, "whatsapp": texted, "chat": texted}


def test_the_defaults_and_ones_own_choice(world: World) -> None:
    member = Caller(world.member)
    told = member.get(PATH).json()
    assert told == {"kinds": {code: _by_default(kind) for code, kind in KINDS.items()}, "quiet_hours": None}
    sent = {"kinds": {"assigned": {"email": True}}, "quiet_hours": {"starts": "22:00", "ends": "07:30"}}
    changed = member("PUT", PATH, sent).json()
    assert changed["kinds"] == told["kinds"] | {"assigned": told["kinds"]["assigned"] | {"email": "now"}}
    weekly = member("PUT", PATH, {"kinds": {"assigned": {"chat": "weekly"}}}).json()
    assert weekly["kinds"]["assigned"] == {"email": "now", "sms": "off", "whatsapp": "off", "chat": "weekly"}
    assert changed["quiet_hours"] == {"starts": "22:00:00", "ends": "07:30:00"}
    assert (
        member("PUT", PATH, {"kinds": {"assigned": {"email": False, "chat": "off"}}}).json()["quiet_hours"] is not None
    )
    assert member("PUT", PATH, {"quiet_hours": None}).json() == told
    assert Caller(world.lead).get(PATH).json() == told


@pytest.mark.parametrize(
    ("sent", "pointer", "says"),
    [
        ({"kinds": {"asigned": {"email": True}}}, "/kinds/asigned", "use one of assigned, moved, reminder"),
        ({"kinds": {"assigned": {"fax": True}}}, "/kinds/assigned/fax", "use one of email"),
        ({"kinds": {"assigned": {"email": "perhaps"}}}, "/kinds/assigned/email", "daily"),
        ({"quiet_hours": {"starts": "25:00", "ends": "07:00"}}, "/quiet_hours/starts", "time"),
    ],
)
def test_what_there_is_not_is_refused_and_nothing_is_kept(world: World, sent: dict, pointer: str, says: str) -> None:
    member = Caller(world.member)
    before = member.get(PATH).json()
    (fault,) = problem(member("PUT", PATH, sent), 422)["errors"]
    assert fault["pointer"] == pointer
    assert says in fault["message"]
    assert member.get(PATH).json() == before


def test_managers_see_what_was_sent_to_their_team_and_members_what_was_sent_to_them(world: World) -> None:
    for person in (world.member, world.lead, world.stranger):
        builders.make_delivery(person)
    path = "/api/notifications/deliveries"
    seen = {name: [row["user_id"] for row in Caller(getattr(world, name)).get(path).json()["results"]] for name in
            ("member", "lead", "manager", "stranger")}  # fmt: skip
    assert seen == {
        "member": [world.member.pk],
        "lead": [world.lead.pk],
        "manager": [world.lead.pk, world.member.pk],
        "stranger": [world.stranger.pk],
    }


def test_what_one_sees_can_be_muted_by_its_name(world: World) -> None:
    contact = builders.make_contact(world.member, name="Bo Lindqvist")
    rule = builders.make_rule(world.member, name="Opened the offer")
    member, path = Caller(world.member), "/api/notifications/mutes"
    for subject, name in ((f"contact:{contact.pk}", "Bo Lindqvist"), (f"rule:{rule.pk}", "Opened the offer")):
        for _ in range(2):
            assert member("PUT", f"{path}/{subject}").json() == {"subject": subject, "name": name}
    assert [row["name"] for row in member.get(path).json()["results"]] == ["Bo Lindqvist", "Opened the offer"]
    assert Caller(world.lead).get(path).json()["results"] == []
    problem(Caller(world.stranger)("PUT", f"{path}/contact:{contact.pk}"), 404)
    assert member("DELETE", f"{path}/contact:{contact.pk}").status_code == 204
    problem(member("DELETE", f"{path}/contact:{contact.pk}"), 404)
    for wrong in ("contact:0", "task:1", "rule:", "rule:7x", "rule:\u0667", f"rule:0{rule.pk}", "contact:" + "9" * 30):
        problem(member("PUT", f"{path}/{wrong}"), 404)
