"""Random teams of rules, sequences and campaigns that are sound, with the names and texts that files get wrong."""

from dataclasses import dataclass, field
from datetime import time
from typing import Any

from hypothesis import strategies as st

from automation import rules
from automation.programmes import campaigns, sequences
from people.models import Team, User
from tests import builders

OWNERS = ("ada", "ben")
SKILLS = ("Negotiation", "yes")
TRICKY = (
    "yes", "null", "~", "1e3", "0x1F", "10:00", "09:00", "true", "1.50", "-", "- x", "# c", "a: b", "a #b", "a'b",
    '"q"', " leading", "trailing ", "é😀", "x\ny", "\tt", "|", ">", "&a", "*a", "!t", "%d", "@x", "`x`", "[x", "{x",
    "? y", "--- z", "\u2028", "\x85", "\ufeff", "\x07", "a\\b", "1_000", "=", "<<", "Standard follow-up", "\uff12",
    "x" * 120, "x\n\n", "x\n", "\n", " \n x",
)  # fmt: skip

names = st.one_of(
    st.sampled_from(TRICKY),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
)
pieces = [*TRICKY, "{{contact_name}}", "\n", "\n\n", "  two", "end \n", "{% if contact.lead_score > 80 %}!{% endif %}"]
prose = (
    st.lists(
        st.sampled_from(pieces)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{}"), max_size=20),
        max_size=6,
    )
    .map("".join)
    .filter(lambda text: "{x" not in text)
)
titles = prose.map(lambda text: f"Call {text}"[:200])
hours = st.decimals(0, 8000, places=2)
some_hours = st.none() | st.decimals("0.01", 8000, places=2)
delays = st.one_of(
    st.builds(dict, kind=st.just("elapsed"), hours=hours, outside=st.sampled_from(["", "next", "previous", "as_is"])),
    st.builds(dict, kind=st.just("business"), hours=hours),
    st.builds(
        dict,
        kind=st.sampled_from(["calendar", "business"]),
        days=st.integers(0, 3650),
        at=st.none() | st.times().map(lambda at: at.replace(microsecond=0)),
        outside=st.sampled_from(["", "as_is"]),
    ),
)
needs = st.lists(
    st.builds(dict, skill=st.sampled_from(SKILLS), level=st.integers(1, 5)),
    max_size=2,
    unique_by=lambda need: need["skill"],
)
assigned = st.sampled_from(["owner", "best_match", "round_robin", "unassigned", "user:ada", "user:ben"])
conditions = st.sampled_from(
    ["", "contact.lead_score > 80", 'contact.tags.exists(t, t == "vip: 1")\n  && team.name != "x"']
)
priorities = st.sampled_from(["low", "medium", "high", "urgent"])
triggers = st.sampled_from(
    [
        ("activity", {"activity_types": ["email_opened", "form_submitted", "a: word of ours"]}),
        ("status_change", {"to_status": "active", "from_status": None}),
        ("status_change", {"from_status": ""}),
        ("cadence", {"cadences": ["weekly", "days:10"]}),
        ("time", {"cron": "0 9 * * 1-5", "audience": "contacts", "statuses": ["lead"]}),
        ("time", {"at": "2026-12-01T09:00"}),
        ("time", {"every": {"hours": 4}}),
        ("overdue", {"what": "task", "after_hours": 1.5}),
        ("inactivity", {"days": 3.0, "statuses": ["lead", "lost"]}),
        ("task_completed", {"title_contains": "no", "priorities": ["high"]}),
    ]
)
rule = st.fixed_dictionaries(
    {
        "owner": st.sampled_from(OWNERS),
        "name": names,
        "scope": st.sampled_from(["own", "team"]),
        "is_active": st.booleans(),
        "trigger": triggers,
        "task_title_template": titles,
        "delay": delays,
        "refers": st.lists(st.integers(0, 5), max_size=2),
        "compares": st.none() | st.integers(0, 5),
    },
    optional={
        "condition": conditions,
        "task_description_template": prose,
        "task_priority": priorities,
        "reminder_offset_hours": st.none() | hours,
        "repeat_policy": st.sampled_from(["once_while_open", "once_ever", "once_per_window", "every_time"]),
        "repeat_window_hours": st.integers(1, 1000),
        "assign": assigned,
        "required_skills": needs,
        "estimated_hours": some_hours,
        "max_event_age_hours": st.integers(1, 8760),
        "fires_on_imports": st.booleans(),
        "fires_on_machines": st.booleans(),
        "limit_per_hour": st.none() | st.integers(1, 1000),
        "overflow": st.sampled_from(["delay", "drop"]),
        "burst": st.integers(0, 1000),
    },
)
exits = st.sampled_from([{}, {"replied": False, "bounced": True}, {"statuses": ["lost", "inactive"]}, {"statuses": []}])
step = st.fixed_dictionaries(
    {"title": titles},
    optional={
        "key": st.sampled_from(["intro", "yes"]),
        "description": prose,
        "priority": priorities,
        "delay": delays.map(lambda said: {name: _json(value) for name, value in said.items()}),
        "condition": conditions,
        "assign": assigned | st.just("enroller"),
        "required_skills": needs,
        "estimated_hours": some_hours.map(lambda value: None if value is None else float(value)),
        "due_within_hours": st.sampled_from([None, 8, "8", 0, 2.5]),
    },
)
campaign_step = st.fixed_dictionaries(
    {"message_type": st.sampled_from(["task", "wait"]), "name": titles, "delay_days": st.decimals(0, 3650, places=2)},
    optional={
        "body": prose,
        "priority": priorities,
        "settings": st.sampled_from(
            [
                {},
                {"assign": "best_match", "estimated_hours": "1.50"},
                {"wait_for_previous": False},
                {"assign": "user:ben"},
            ]
        ),
    },
)
programme = {
    "owner": st.sampled_from(OWNERS),
    "name": names,
    "is_active": st.booleans(),
    "description": prose,
    "exits": exits,
}
sequence = st.fixed_dictionaries(
    programme
    | {
        "steps": st.lists(step, min_size=1, max_size=3, unique_by=lambda step: step.get("key", id(step))),
        "slip": st.sampled_from(["anchor", "push"]),
        "pacing": st.sampled_from(["at_once", "one_by_one"]),
        "reenrol": st.sampled_from(["refuse", "once", "always"]),
    }
)
campaign = st.fixed_dictionaries(programme | {"rows": st.lists(campaign_step, max_size=3)})


def _named_once(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=4, unique_by=lambda one: (one["name"], one["owner"], one.get("scope")))


@dataclass
class Drawn:
    rules: list[dict[str, Any]] = field(default_factory=list)
    sequences: list[dict[str, Any]] = field(default_factory=list)
    campaigns: list[dict[str, Any]] = field(default_factory=list)


teams = st.builds(Drawn, rules=_named_once(rule), sequences=_named_once(sequence), campaigns=_named_once(campaign))


def make_people(team: Team) -> dict[str, User]:
    """The people and skills that files name. Usernames are one installation's: those of the team before step aside."""
    for user in User.objects.filter(username__in=OWNERS):
        user.username = f"was-{user.username}-{user.pk}"
        user.save()
    for name in SKILLS:
        builders.make_skill(team=team, name=name)
    return {name: builders.make_manager(team=team, username=name) for name in OWNERS}


def make(drawn: Drawn, people: dict[str, User]) -> None:
    """The rows, by the same verbs as the API's; rules refer to one another last."""
    made = [_rule(fields, people) for fields in drawn.rules]
    for rule_, fields in zip(made, drawn.rules, strict=True):
        changes: dict[str, Any] = {}
        if rule_.trigger_type == "task_completed" and fields["refers"]:
            ids = list(dict.fromkeys(made[number % len(made)].pk for number in fields["refers"]))
            changes["trigger_config"] = rule_.trigger_config | {"rule_ids": ids}
        if fields["compares"] is not None:
            other = made[fields["compares"] % len(made)]
            if sum(one.name == other.name for one in made) == 1:
                changes["condition"] = (
                    f"task.rule == {other.pk} || task.rule in [0, {rule_.pk if _alone(rule_, made) else 0}]"
                )
        if changes:
            rules.update(rule_, **changes)
    for fields in drawn.sequences:
        steps = [_assigned(step, people) for step in fields["steps"]]
        sequences.create(people[fields["owner"]], **_rest(fields, "owner", "steps"), steps=steps)
    for fields in drawn.campaigns:
        rows = [row | {"settings": _assigned(row.get("settings", {}), people)} for row in fields["rows"]]
        campaigns.create(people[fields["owner"]], **_rest(fields, "owner", "rows"), rows=rows)


def _alone(rule: Any, made: list[Any]) -> bool:
    return sum(one.name == rule.name for one in made) == 1


def _rule(fields: dict[str, Any], people: dict[str, User]) -> Any:
    kind, config = fields["trigger"]
    delay = fields["delay"]
    said = _assigned(_rest(fields, "owner", "trigger", "delay", "refers", "compares"), people)
    return rules.create(
        people[fields["owner"]],
        trigger_type=kind,
        trigger_config=config,
        delay_kind=delay["kind"],
        delay_hours=delay.get("hours", 0),
        delay_days=delay.get("days"),
        delay_at=delay.get("at"),
        outside_hours=delay.get("outside", ""),
        **said,
    )


def _assigned(fields: dict[str, Any], people: dict[str, User]) -> dict[str, Any]:
    kind, _, name = str(fields.get("assign", "")).partition(":")
    return fields | {"assign": f"user:{people[name].pk}"} if kind == "user" else dict(fields)


def _rest(fields: dict[str, Any], *without: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in without}


def _json(value: Any) -> Any:
    return (
        value.isoformat("minutes") if isinstance(value, time) else float(value) if hasattr(value, "as_tuple") else value
    )
