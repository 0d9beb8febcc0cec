"""Random histories: a team, its rules and contacts, and what happens to them, mostly around clock changes."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle import texts

Row = dict[str, Any]

STARTS = (
    datetime(2026, 3, 28, 14, tzinfo=UTC),  # the night in which Europe skips an hour, then German holidays
    datetime(2026, 4, 2, 8, 30, tzinfo=UTC),
    datetime(2026, 10, 24, 20, tzinfo=UTC),  # and the one in which it has one twice
    datetime(2026, 10, 31, 23, tzinfo=UTC),  # New York
    datetime(2026, 4, 4, 6, tzinfo=UTC),  # half an hour, on Lord Howe
    datetime(2026, 6, 17, 10, tzinfo=UTC),
)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "", "Nowhere/Land")
OFFICE = tuple((day, time(9), time(17)) for day in range(5))
SHIFTS = ((5, time(0), time(8)), (6, time(0), time(8)), (2, time(10), time(12)), (2, time(14), time(18, 30)))
GERMAN_HOLIDAYS = frozenset(
    date(2026, month, day)
    for month, day in ((1, 1), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (10, 3), (12, 25), (12, 26))
)
HOURS, MINUTES, SECONDS = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
STEPS = (
    *(timedelta(), timedelta(), SECONDS, 10 * MINUTES, 30 * MINUTES, HOURS - SECONDS, HOURS, HOURS + SECONDS),
    *(3 * HOURS, 12 * HOURS, 23 * HOURS, 24 * HOURS, 24 * HOURS + SECONDS, 36 * HOURS),
)
KINDS = ("email_clicked", "form_submitted")
STATUSES = ("lead", "active", "inactive")

RULE: Row = {
    "trigger_type": "activity",
    "trigger_config": {"activity_types": ["email_clicked"]},
    "condition": "",
    "task_title_template": "Call {{contact_name}}",
    "task_priority": "medium",
    "delay_kind": "elapsed",
    "delay_hours": "4",
    "delay_days": None,
    "delay_at": None,
    "outside_hours": "",
    "repeat_policy": "once_while_open",
    "repeat_window_hours": 24,
    "settle_seconds": 0,
    "limit_per_hour": None,
    "limit_owner_day": None,
    "limit_contact_day": None,
    "overflow": "delay",
    "burst": 100,
    "max_event_age_hours": 72,
    "fires_on_imports": False,
    "fires_on_machines": False,
    "assign": "owner",
    "scope": "team",
    "owner": 0,
}
"""The columns of a rule with their defaults. People, rules and contacts are named by their place."""


@dataclass(frozen=True)
class Happening:
    """What happens so long after the happening before."""

    after: timedelta
    verb: str
    fields: Row = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class History:
    start: datetime
    team: Row
    people: list[Row]
    contacts: list[Row]
    rules: list[Row]
    happenings: list[Happening]

    def __repr__(self) -> str:
        """A story to read when a test fails: only what differs from the defaults."""
        lines = [f"from {self.start.isoformat()}, team {self.team}"]
        lines += [f"person {number}: {row}" for number, row in enumerate(self.people)]
        lines += [f"contact {number}: {row}" for number, row in enumerate(self.contacts)]
        for number, rule in enumerate(self.rules):
            said = {name: value for name, value in rule.items() if RULE.get(name) != value}
            lines.append(f"rule {number}: {said}")
        now = self.start
        for one in self.happenings:
            now += one.after
            lines.append(f"{now.isoformat()} {one.verb} {one.fields or ''}")
        return "\n" + "\n".join(lines) + "\n"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


zones = st.sampled_from(ZONES)


@st.composite
def delays(draw: st.DrawFn) -> Row:
    kind = draw(st.sampled_from(["elapsed", "elapsed", "calendar", "business", "working hours"]))
    outside = {"outside_hours": draw(st.sampled_from(["", "", "next", "previous", "as_is"]))}
    if kind in ("elapsed", "working hours"):
        hours = draw(st.sampled_from(["0", "1.5", "4", "24", "72"] if kind == "elapsed" else ["0", "2", "8", "17.5"]))
        return outside | {"delay_kind": "elapsed" if kind == "elapsed" else "business", "delay_hours": hours}
    at = draw(st.sampled_from([None, time(9), time(2, 30), time(18)]))
    return outside | {
        "delay_kind": kind,
        "delay_hours": "0",
        "delay_days": draw(st.integers(0, 4)),
        "delay_at": at,
    }


@st.composite
def triggers(draw: st.DrawFn, kinds: tuple[str, ...], rules: int) -> Row:
    kind = draw(st.sampled_from(kinds))
    config: Row = {}
    if kind == "activity":
        config["activity_types"] = draw(st.sampled_from([["email_clicked"], list(KINDS), list(KINDS)]))
    elif kind == "status_change":
        old, new = draw(st.sampled_from([(None, "active"), ("lead", None), ("lead", "active"), (None, None)]))
        config |= {name: word for name, word in (("from_status", old), ("to_status", new)) if word}
    elif kind == "task_completed":
        config |= draw(st.sampled_from([{}, {"rule_ids": [0]}, {"priorities": ["high"]}, {"rule_ids": [rules - 1]}]))
    elif kind == "time":
        config |= draw(
            st.sampled_from(
                [
                    {"cron": "0 9 * * *"},
                    {"cron": "0,30 1,2 * * *"},
                    {"cron": "15 9 * * 1-5", "audience": "contacts"},
                    {"every": {"hours": 5}},
                    {"every": {"days": 1, "at": "02:30"}, "audience": "contacts", "statuses": ["active"]},
                    {"every": {"days": 2}},
                    {"at": "2026-03-29T02:30"},
                ]
            )
        )
    elif kind == "inactivity":
        config |= {"hours": draw(st.sampled_from([1, 24, 36]))}
        if draw(st.booleans()):
            config["activity_types"] = ["email_clicked"]
    settle = draw(st.sampled_from([0, 0, 600, 3600])) if kind == "status_change" else 0
    return {"trigger_type": kind, "trigger_config": config, "settle_seconds": settle}


@st.composite
def rules(draw: st.DrawFn, number: int, count: int, kinds: tuple[str, ...]) -> Row:
    """Most of a rule is left at its default, so that what is said matters."""
    rule = RULE | {"name": f"Rule {number}"} | draw(triggers(kinds, count)) | draw(delays())
    rule["task_title_template"] = draw(st.sampled_from(sorted(texts.TITLES)))
    rule["repeat_policy"] = draw(
        st.sampled_from(["every_time", "once_while_open", "every_time", "once_per_window", "every_time", "once_ever"])
    )
    if draw(st.booleans()):
        rule["condition"] = draw(st.sampled_from(sorted(texts.CONDITIONS)))
    limit = draw(st.sampled_from(["", "limit_per_hour", "limit_owner_day", "limit_contact_day"]))
    for name in [*filter(None, [limit]), *draw(st.lists(st.sampled_from(sorted(CHOICES)), max_size=3, unique=True))]:
        rule[name] = draw(st.sampled_from(CHOICES[name]))
    if rule["trigger_type"] == "inactivity":  # which contact is looked at first is nobody's business
        rule |= {"condition": "", "burst": 0, "limit_per_hour": None, "limit_owner_day": None}
    return rule


CHOICES: dict[str, tuple[Any, ...]] = {
    "limit_per_hour": (1, 2, 3),
    "limit_owner_day": (1, 2),
    "limit_contact_day": (1, 2),
    "overflow": ("drop",),
    "burst": (0, 2, 3),
    "max_event_age_hours": (1, 24),
    "fires_on_imports": (True,),
    "fires_on_machines": (True,),
    "repeat_window_hours": (1, 12, 36),
    "assign": ("unassigned",),
    "task_priority": ("high",),
    "scope": ("own",),
    "owner": (1,),
}


@st.composite
def people(draw: st.DrawFn) -> list[Row]:
    """A manager who works office hours, and a member with odd ones."""
    away = frozenset({date(2026, 3, 30), date(2026, 4, 7), date(2026, 10, 26)}) if draw(st.booleans()) else frozenset()
    return [
        {"timezone": draw(zones), "spans": OFFICE, "away": frozenset()},
        {"timezone": draw(zones), "spans": draw(st.sampled_from([OFFICE, SHIFTS])), "away": away},
    ]


NAMES = ("Ada", "Zoë {{ 7 | plus: 1 }}", "  ", "b" * 199, "Günther\tvon  Groß")


@st.composite
def contacts(draw: st.DrawFn, number: int, start: datetime) -> Row:
    status = draw(st.sampled_from(STATUSES))
    return {
        "name": draw(st.sampled_from(NAMES)),
        "email": f"contact{number}@example.com",
        "timezone": draw(zones),
        "owner": draw(st.sampled_from([0, 1, 1, None])),
        "status": status,
        "seen_status": status,
        "lead_score": draw(st.sampled_from([0, 50, 51, 300])),
        "tags": draw(st.sampled_from([[], ["vip"]])),
        "created_at": start,
    }


LATE = (*11 * (0,), 1, 3600, 86_400, 86_401, 72 * 3600, 72 * 3600 + 1)
"""In seconds."""


@st.composite
def records(draw: st.DrawFn, contact_count: int) -> Row:
    late = draw(st.sampled_from(LATE))
    return {
        "contact": draw(st.integers(0, contact_count - 1)),
        "activity_type": draw(st.sampled_from(KINDS)),
        "late": late * SECONDS,
        "origin": draw(st.sampled_from([*9 * ["live"], "import"])),
        "signal": draw(st.sampled_from([*5 * ["unknown"], "human", "human", "machine"])),
        "data": draw(st.sampled_from([{}, {}, {"amount": 11}, {"amount": 10}, {"amount": "x"}])),
        "times": draw(st.sampled_from([1, 1, 1, 2])),
    }


@st.composite
def happenings(draw: st.DrawFn, contact_count: int, rule_count: int, verbs: tuple[str, ...]) -> Happening:
    verb = draw(st.sampled_from(verbs))
    which = st.integers(0, contact_count - 1)
    fields: Row = {}
    if verb == "record":
        fields = draw(records(contact_count))
    elif verb == "change_status":
        fields = {"contact": draw(which), "status": draw(st.sampled_from(STATUSES))}
    elif verb == "change_by_hand":
        change = {"status": draw(st.sampled_from(STATUSES))} if draw(st.booleans()) else {"lead_score": 51}
        fields = {"contact": draw(which), "change": change}
    elif verb == "finish":
        fields = {"which": draw(st.integers(0, 9)), "done": draw(st.sampled_from([True, True, True, False]))}
    elif verb == "switch":
        fields = {"rule": draw(st.integers(0, rule_count - 1))}
    return Happening(draw(st.sampled_from(STEPS)), verb, fields)


VERBS = (
    *(6 * ("record",)),
    *(3 * ("change_status",)),
    "change_by_hand",
    *(3 * ("finish",)),
    *("switch", "drain", "drain", "sweep", "sweep", "sweep", "replay"),
)
EVENTS = ("activity", "activity", "activity", "status_change", "task_completed")
CLOCK_VERBS = ("record", "record", "change_status", "switch", "finish", "drain", "sweep", "sweep", "sweep", "sweep")
CLOCKED = ("time", "inactivity", "activity")


@st.composite
def histories(
    draw: st.DrawFn, kinds: tuple[str, ...] = EVENTS, verbs: tuple[str, ...] = VERBS, most: int = 14
) -> History:
    start = draw(st.sampled_from(STARTS))
    rule_count, contact_count = draw(st.integers(2, 4)), draw(st.sampled_from([2, 1, 3]))
    country = draw(st.sampled_from(["", "DE"]))
    return History(
        start=start,
        team={"timezone": draw(zones), "country": country},
        people=[
            person | {"off": person["away"] | (GERMAN_HOLIDAYS if country else frozenset())}
            for person in draw(people())
        ],
        contacts=[draw(contacts(number, start)) for number in range(contact_count)],
        rules=[draw(rules(number, rule_count, kinds)) for number in range(rule_count)],
        happenings=draw(st.lists(happenings(contact_count, rule_count, verbs), min_size=most // 2, max_size=most)),
    )


@st.composite
def chains(draw: st.DrawFn) -> History:
    """Rules that set each other off, deeper than they may, and all finished as fast as they come."""
    length = draw(st.integers(5, 9))
    rules: list[Row] = [RULE | {"name": "Rule 0", "repeat_policy": "every_time"}]
    for number in range(1, length):
        before = draw(st.sampled_from([[number - 1], [number - 1], [number - 1], [max(0, number - 2)], [number]]))
        config = {"rule_ids": before} if draw(st.integers(0, 7)) else {}
        rules.append(rules[0] | {"name": f"Rule {number}", "trigger_type": "task_completed", "trigger_config": config})
    record = {"contact": 0, "activity_type": "email_clicked", "late": timedelta(), "times": 1}
    story = [Happening(timedelta(), "record", record)]
    for _ in range(draw(st.integers(length, length + 4))):
        story.append(Happening(draw(st.sampled_from([timedelta(), SECONDS, 10 * MINUTES])), "drain"))
        story.append(Happening(timedelta(), "finish", {"which": draw(st.integers(0, 3)), "done": True}))
    return plain(STARTS[-1], rules, story)


@st.composite
def rushes(draw: st.DrawFn) -> History:
    """One rule and one or two contacts, many times within an hour, over days: pairs are parked, rules pause."""
    start = draw(st.sampled_from(STARTS))
    rule = RULE | {"name": "Rule 0", "repeat_policy": "every_time", "burst": draw(st.sampled_from([0, 4, 11, 100]))}
    for name in draw(st.lists(st.sampled_from(["limit_per_hour", "limit_contact_day"]), max_size=1)):
        rule[name] = draw(st.sampled_from([1, 4, 10]))
    story = []
    for _ in range(draw(st.integers(3, 9))):
        record = {
            "contact": draw(st.integers(0, 1)),
            "activity_type": "email_clicked",
            "late": timedelta(),
            "times": draw(st.sampled_from([1, 1, 2, 4, 5, 10])),
        }
        story.append(Happening(draw(st.sampled_from(STEPS)), "record", record))
        verb = draw(st.sampled_from(["drain", "sweep", "sweep", "switch"]))
        story.append(Happening(timedelta(), verb, {"rule": 0} if verb == "switch" else {}))
    return plain(start, [rule], story)


@st.composite
def crowds(draw: st.DrawFn) -> History:
    """Rules with limits that delay, and more than fits: what waits counts, and is judged again. Switched off and on."""
    start = draw(st.sampled_from(STARTS))
    rules = []
    for number in range(draw(st.integers(1, 2))):
        rule = RULE | {"name": f"Rule {number}", draw(st.sampled_from(LIMITS)): draw(st.sampled_from([1, 2, 5]))}
        rule["repeat_policy"] = draw(
            st.sampled_from(["once_per_window", "once_while_open", "once_per_window", "once_ever"])
        )
        rules.append(rule | {"repeat_window_hours": draw(st.sampled_from([1, 24]))})
    story = []
    for _ in range(draw(st.integers(5, 12))):
        record = {"contact": draw(st.integers(0, 1)), "activity_type": "email_clicked", "times": 1}
        record["late"] = draw(st.sampled_from([0, 0, 0, 1, 3, 24])) * HOURS
        verb = draw(st.sampled_from(["record", "record", "record", "sweep", "sweep", "finish", "switch"]))
        fields: dict[str, Row] = {"record": record, "finish": {"which": 0, "done": True}, "switch": {"rule": 0}}
        story.append(Happening(draw(st.sampled_from(EDGES)), verb, fields.get(verb, {})))
        if verb == "record" and draw(st.booleans()):
            story.append(Happening(timedelta(), "drain"))
    return plain(start, rules, story)


EDGES = (timedelta(), HOURS, HOURS, HOURS - SECONDS, 23 * HOURS, 24 * HOURS, 30 * MINUTES)
"""Just within an hour or a day, or just out of it."""
LIMITS = ("limit_per_hour", "limit_owner_day", "limit_contact_day")


def plain(start: datetime, rules: list[Row], story: list[Happening]) -> History:
    """Two contacts of one manager; no zone but the team's."""
    contact = {
        "name": "Ada",
        "timezone": "",
        "owner": 0,
        "status": "lead",
        "seen_status": "lead",
        "lead_score": 0,
        "tags": [],
        "created_at": start,
    }
    return History(
        start=start,
        team={"timezone": "Europe/Berlin", "country": ""},
        people=[{"timezone": "", "spans": OFFICE, "away": frozenset(), "off": frozenset()}],
        contacts=[contact | {"email": f"contact{number}@example.com"} for number in range(2)],
        rules=rules,
        happenings=story,
    )
