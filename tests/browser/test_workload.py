"""The workload without a mouse, and with one."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from people.models import User
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def board(signed_in: Page, manager: User) -> Page:
    """The workload of a team of three, around the clock, in which three tasks wait."""
    for name in ("Ben", "Zoe"):
        builders.make_user(team=manager.team, first_name=name, last_name="Young")
    for person in User.objects.filter(team=manager.team):
        builders.make_working_week(person, starts="00:00", ends="23:59", days=range(7))
    for number in (1, 2, 3):
        due = datetime.now(UTC) + timedelta(days=2, hours=number)
        builders.make_task(team=manager.team, title=f"Waits {number}", due_date=due, estimated_hours=1)
    signed_in.goto("/team/workload")
    return signed_in


def press_until(page: Page, name: str, *, key: str = "Tab", most: int = 80) -> None:
    """Moves the focus by one key until it is on what is called so."""
    for _ in range(most):
        page.keyboard.press(key)
        told = page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()")
        if told.startswith(name):
            return
    raise AssertionError(f"{name} is not reached by {key}")


def holder_of(title: str) -> User | None:
    return Task.objects.get(title=title).assignee


def test_by_keys_alone(board: Page) -> None:
    """One is given by the menu, all are given after a look at the plan, and each is taken back."""
    press_until(board, "Give Waits 1 to…")
    board.keyboard.press("Enter")
    expect(board.locator("#peek")).to_contain_text("Fits best")
    press_until(board, "ZY")
    board.keyboard.press("Enter")
    expect(board.locator(".toast")).to_contain_text("Zoe Young has it now: Waits 1")
    expect(board.locator(".queue li")).to_have_count(2)
    assert holder_of("Waits 1") == User.objects.get(first_name="Zoe")
    board.keyboard.press("z")
    expect(board.locator(".queue li")).to_have_count(3)
    assert holder_of("Waits 1") is None
    board.keyboard.press("Escape")

    press_until(board, "Assign all")
    board.keyboard.press("Enter")
    board.wait_for_url("**/plans/*")
    expect(board.get_by_role("heading", name="Assign all")).to_be_visible()
    assert holder_of("Waits 2") is None
    press_until(board, "Give out 3 tasks")
    board.keyboard.press("Enter")
    board.wait_for_url("**/team/workload")
    expect(board.locator(".toast")).to_contain_text("3 tasks were given out.")
    expect(board.locator(".queue li")).to_have_count(0)
    assert holder_of("Waits 2") is not None
    board.keyboard.press("z")
    expect(board.locator(".queue li")).to_have_count(3)
    assert Task.objects.filter(title__startswith="Waits", assignee=None).count() == 3


def test_dragging_onto_a_day_gives_it_and_makes_it_due_then(board: Page) -> None:
    zoe, on = User.objects.get(first_name="Zoe"), datetime.now(UTC).date()
    cell = board.locator(f"td[data-to='{zoe.pk}'][data-on='{on}']")
    board.locator(".queue li", has_text="Waits 2").drag_to(cell)
    expect(board.locator(".toast")).to_contain_text("Zoe Young has it now, due Today")
    expect(cell).to_contain_text("1")
    task = Task.objects.get(title="Waits 2")
    assert task.due_date is not None
    assert (task.assignee, (task.due_date - timedelta(microseconds=1)).date()) == (zoe, on)
    cell.locator("a").click()
    board.locator("#peek li", has_text="Waits 2").drag_to(board.locator("th[data-to]").first)
    expect(board.locator(".toast").last).to_contain_text("Ben Young has it now: Waits 2")


def test_a_task_of_a_colleague_shows_within_five_seconds(board: Page, manager: User) -> None:
    builders.make_task(team=manager.team, title="Came in meanwhile", estimated_hours=1)
    expect(board.locator(".queue li", has_text="Came in meanwhile")).to_be_visible(timeout=8000)


def test_without_scripts_a_menu_gives_it_too(board: Page) -> None:
    assert board.context.browser is not None
    context = board.context.browser.new_context(
        java_script_enabled=False, storage_state=board.context.storage_state(), base_url=board.url
    )
    plain = context.new_page()
    plain.goto("/team/workload")
    plain.get_by_role("link", name="Give Waits 3 to…").click()
    plain.get_by_label("Due").select_option(index=1)
    plain.get_by_role("button", name="Zoe Young").click()
    expect(plain.locator(".toast")).to_contain_text("Zoe Young has it now, due Today")
    plain.locator(".toast").get_by_role("button", name="Undo").click()
    expect(plain.locator(".toast")).to_contain_text("Taken back")
    context.close()
    assert holder_of("Waits 3") is None
