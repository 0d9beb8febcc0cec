"""What must have come of the events, as a function of their ids, and what has: two multisets.

Each effect is a line such as "task first 17". Lost is what is expected and missing, doubled what is there more often
than expected, unforeseen what nobody expected at all.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.chaos.database import Database
from tests.chaos.gateway import Gateway
from tests.chaos.inside import CHAINED as CHAINED_JOBS
from tests.chaos.inside import LETTER, has_letter
from tests.chaos.scene import CHAINED, FIRST, PEOPLE, SECOND, TEAMS

CREATED, COMPLETED = "task.created", "task.completed"

SOURCES = {
    "click {}": "SELECT c.name FROM crm_activity a JOIN crm_contact c ON c.id = a.contact_id "
    "WHERE a.activity_type = 'email_clicked'",
    "task {}": "SELECT title FROM work_task",
    "firing {}": "SELECT r.name || ' ' || c.name FROM automation_firing f JOIN crm_contact c ON c.id = f.contact_id "
    "JOIN automation_taskautomationrule r ON r.id = f.rule_id WHERE f.outcome = 'fired'",
    "held {}": "SELECT t.title FROM work_assignment a JOIN work_task t ON t.id = a.task_id "
    f"WHERE t.title LIKE '{FIRST} %'",
    "told {}": "SELECT t.title FROM notifications_notification n JOIN work_task t ON t.id = n.task_id "
    f"WHERE n.kind = 'assigned' AND t.title LIKE '{FIRST} %'",
    "completed {}": "SELECT t.title FROM crm_activity a JOIN work_task t ON t.id = a.task_id "
    "WHERE a.activity_type = 'task_completed'",
    "ended {}": "SELECT t.title FROM work_assignment a JOIN work_task t ON t.id = a.task_id "
    "WHERE a.outcome = 'completed'",
    "{}": "SELECT what FROM chaos_effect WHERE what NOT IN ('tick', 'poison', 'slow')",
}


def is_completed(number: int) -> bool:
    """The driver completes the first task of every second pair of events, so in both teams."""
    return number // TEAMS % 2 == 0


def expected(events: Iterable[int]) -> "Counter[str]":
    """f(ids)."""
    wanted: Counter[str] = Counter()
    for number in events:
        made = [FIRST, SECOND] + ([CHAINED] if is_completed(number) else [])
        wanted[f"click {number}"] += 1
        wanted[f"held {FIRST} {number}"] += 1
        wanted[f"told {FIRST} {number}"] += 1
        for rule in made:
            wanted[f"task {rule} {number}"] += 1
            wanted[f"firing {rule} {number}"] += 1
        facts = [(CREATED, rule) for rule in made]
        if is_completed(number):
            wanted[f"completed {FIRST} {number}"] += 1
            wanted[f"ended {FIRST} {number}"] += 1
            facts.append((COMPLETED, FIRST))
        for kind, rule in facts:
            wanted[f"mark {kind} {rule} {number}"] += 1
            wanted.update(f"chained {kind} {rule} {number} {one}" for one in range(CHAINED_JOBS))
    return wanted


def found(database: Database) -> "Counter[str]":
    return Counter(line.format(what) for line, statement in SOURCES.items() for (what,) in database.rows(statement))


@dataclass
class Verdict:
    """Numbers, and the first few lines of each for whoever has to find out why."""

    expected: int
    lost: int
    doubled: int
    unforeseen: int
    webhooks: int
    webhooks_lost: int
    webhooks_again: int
    """Arrivals that the receiver knew by their ids."""
    webhooks_doubled: int
    """What it could not know."""
    letters: int
    letters_lost: int
    """Neither arrived nor listed as unknown."""
    letters_unknown: int
    """A process ended while it was being sent: listed as such, and not sent again."""
    letters_unknown_arrived: int
    letters_doubled: int
    counters: dict[str, tuple[int, int]]
    """What should be and what is."""
    examples: list[str] = field(default_factory=list)

    @property
    def off(self) -> dict[str, Any]:
        """What in the database is not as it must be: nothing, when all is well."""
        effects = {name: getattr(self, name) for name in ("lost", "doubled", "unforeseen")}
        wrong: dict[str, Any] = {name: count for name, count in effects.items() if count}
        wrong |= {name: pair for name, pair in self.counters.items() if pair[0] != pair[1]}
        return wrong | {"such as": self.examples} if wrong else {}

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(wanted: "Counter[str]", there: "Counter[str]") -> tuple[int, int, int, list[str]]:
    """Lost, doubled, unforeseen, and examples."""
    lost, more = wanted - there, there - wanted
    doubled = Counter({what: count for what, count in more.items() if what in wanted})
    unforeseen = more - doubled
    examples = [
        f"{word}: {what}"
        for word, lines in (("lost", lost), ("doubled", doubled), ("unforeseen", unforeseen))
        for what in sorted(lines)[:5]
    ]
    return lost.total(), doubled.total(), unforeseen.total(), examples


def judge(events: Iterable[int], database: Database, gateway: Gateway, *, told_by_api: dict[str, int]) -> Verdict:
    """`told_by_api` is what the product itself says, by the names of `by_api`."""
    events = list(events)
    wanted = expected(events)
    lost, doubled, unforeseen, examples = compare(wanted, found(database))
    hooks = Counter(f"{FIRST} {number}" for number in events if is_completed(number))
    hooks_lost, hooks_again, strange, more = compare(hooks, gateway.heard())
    letters = judge_letters(events, database, gateway)
    effects = database.one("SELECT COUNT(*) FROM chaos_effect")
    ticks = database.one("SELECT COUNT(*) FROM chaos_effect WHERE what = 'tick'")
    counters = {
        "n + 1 of each job": (effects, database.one("SELECT n FROM chaos_counter")),
        "periods run": (
            database.one("SELECT COUNT(*) FROM jobs_job WHERE name = 'chaos.tick' AND state = 'done'"),
            ticks,
        ),
        "next tasks handed out": (
            hooks.total(),
            database.one(
                "SELECT COUNT(*) FROM jobs_job WHERE state = 'done' AND name LIKE '%assign_next_task_for_user'"
            ),
        ),
        "tasks with two holders": (
            0,
            database.one(
                "SELECT COUNT(*) FROM (SELECT task_id FROM work_assignment WHERE ended_at IS NULL "
                "GROUP BY task_id HAVING COUNT(*) > 1) AS twice"
            ),
        ),
        "given out by plans": (
            database.one("SELECT COUNT(*) FROM work_assignment WHERE method = 'batch'"),
            database.one("SELECT COUNT(*) FROM assignment_decision WHERE state = 'applied'"),
        ),
        "dead jobs": (
            0,
            database.one("SELECT COUNT(*) FROM jobs_job WHERE state = 'dead' AND name <> 'chaos.poison'"),
        ),
    }
    counters |= {name: (count, told_by_api[name]) for name, count in by_api(events).items() if name in told_by_api}
    return Verdict(
        expected=wanted.total(),
        lost=lost,
        doubled=doubled,
        unforeseen=unforeseen + strange,
        webhooks=hooks.total(),
        webhooks_lost=hooks_lost,
        webhooks_again=hooks_again,
        webhooks_doubled=compare(hooks, gateway.heard_once())[1],
        counters=counters,
        examples=examples + more,
        **letters,
    )


def judge_letters(events: Iterable[int], database: Database, gateway: Gateway) -> dict[str, int]:
    wanted = {f"{LETTER} {FIRST} {number}" for number in events if has_letter(CREATED, f"{FIRST} {number}")}
    arrived = Counter(subject for subject in gateway.subjects if subject.startswith(LETTER))
    unsure = {
        title
        for (title,) in database.rows(
            "SELECT n.title FROM notifications_delivery d "
            "JOIN notifications_notification n ON n.id = d.notification_id WHERE d.state = 'unknown'"
        )
    }
    return {
        "letters": len(wanted),
        "letters_lost": len(wanted - set(arrived) - unsure),
        "letters_unknown": len(wanted & unsure),
        "letters_unknown_arrived": len(wanted & unsure & set(arrived)),
        "letters_doubled": arrived.total() - len(arrived),
    }


def by_api(events: Iterable[int]) -> dict[str, int]:
    """How many each person has completed: team and place in it, by name."""
    done: Counter[str] = Counter()
    for number in events:
        if is_completed(number):
            done[f"completed by {number % TEAMS}.{number // TEAMS % PEOPLE}"] += 1
    return dict(done)
