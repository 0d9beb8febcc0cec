"""Comments by the API: the same as on the page of the task, and no event that rules or webhooks hear of."""

from crm.models import Activity
from tests import builders
from tests.api.conftest import Caller, World, problem
from tests.api.test_errors import pointers
from work import lifecycle


def test_a_comment_is_in_the_tasks_history_and_read_again(world: World) -> None:
    lead, path = Caller(world.lead), f"/api/tasks/{world.task.pk}/comments"
    made = lead.post(path, {"text": "  Asked for <b>two</b> years\n"})
    assert made.status_code == 201
    assert (made.json()["user_id"], made.json()["text"]) == (world.lead.pk, "Asked for <b>two</b> years")
    lifecycle.comment(world.task, "On the page", by=world.member, now=builders.NOW)
    builders.make_task(world.member)
    found = Caller(world.member).get(path).json()["results"]
    assert [row["text"] for row in found] == ["On the page", "Asked for <b>two</b> years"]
    assert Activity.objects.get(pk=made.json()["id"]).processed_at is not None
    assert [row["text"] for row in Caller(world.member).get(f"{path}?limit=1").json()["results"]] == ["On the page"]


def test_nothing_and_too_much_are_refused(world: World) -> None:
    member, path = Caller(world.member), f"/api/tasks/{world.task.pk}/comments"
    for text in (" \n", "x" * (lifecycle.MOST_SAID + 1)):
        assert "/text" in pointers(problem(member.post(path, {"text": text}), 422))
    assert member.get(path).json()["results"] == []
