"""What one wants to hear of, by the API: the defaults, one's own choice, and what there is not."""

import pytest

from notifications.kinds import KINDS
from tests import builders
from tests.api.conftest import Caller, World, problem

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PATH = "/api/notifications/preferences"


def test_the_defaults_and_ones_own_choice(world: World) -> None:
    member = Caller(world.member)
    told = member.get(PATH).json()
    assert told == {"kinds": {code: {"email": kind.mailed} for code, kind in KINDS.items()}, "quiet_hours": None}
    sent = {"kinds": {"assigned": {"email": True}}, "quiet_hours": {"starts": "22:00", "ends": "07:30"}}
    changed = member("PUT", PATH, sent).json()
    assert changed["kinds"] == told["kinds"] | {"assigned": {"email": True}}
    assert changed["quiet_hours"] == {"starts": "22:00:00", "ends": "07:30:00"}
    assert member("PUT", PATH, {"kinds": {"assigned": {"email": False}}}).json()["quiet_hours"] is not None
    assert member("PUT", PATH, {"quiet_hours": None}).json() == told
    assert Caller(world.lead).get(PATH).json() == told


@pytest.mark.parametrize(
    ("sent", "pointer", "says"),
    [
        ({"kinds": {"asigned": {"email": True}}}, "/kinds/asigned", "use one of assigned, moved, reminder"),
        ({"kinds": {"assigned": {"fax": True}}}, "/kinds/assigned/fax", "use one of email"),
        ({"kinds": {"assigned": {"email": "perhaps"}}}, "/kinds/assigned/email", "boolean"),
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
