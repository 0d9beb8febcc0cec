"""Timetables: cron lines against a walk through every minute, the printed forms, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import cron
from tests.domain import slow
from tests.domain.test_working_time import CHANGES

BERLIN, APIA, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")
NOW = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)

MINUTES = {"0": {0}, "30": {30}, "*/15": {0, 15, 30, 45}, "10,40": {10, 40}, "*/5": set(range(0, 60, 5))}
HOURS = {"*": set(range(24)), "2": {2}, "1-3": {1, 2, 3}, "*/6": {0, 6, 12, 18}, "0": {0}}
DAYS = {"*": set(range(1, 32)), "29": {29}, "1-31/2": set(range(1, 32, 2)), "30": {30}}
WEEKDAYS = {"*": set(range(7)), "0": {0}, "1-5": {1, 2, 3, 4, 5}, "6,7": {6, 0}, "SAT": {6}}


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)


def slow_runs(fields, zone, start, hours):
    """Walks the minutes: a run is wherever clocks come, for the first time, to or past a wall time that matches."""
    minute, hour, day, weekday = fields

    def matches(wall):
        by_day = wall.day in DAYS[day], (wall.weekday() + 1) % 7 in WEEKDAYS[weekday]
        on_day = all(by_day) if "*" in (day, weekday) else any(by_day)
        return wall.minute in MINUTES[minute] and wall.hour in HOURS[hour] and on_day

    instant = start - timedelta(hours=30)
    reached, found = slow.shown(instant, zone), []
    while instant < start + timedelta(hours=hours):
        instant += slow.MINUTE
        now = slow.shown(instant, zone)
        fresh = [reached + n * slow.MINUTE for n in range(1, (now - reached) // slow.MINUTE + 1)]
        reached = max(reached, now)
        if any(map(matches, fresh)) and start < instant:
            found.append(instant)
    return found


lines = st.tuples(*(st.sampled_from(sorted(field)) for field in (MINUTES, HOURS, DAYS, WEEKDAYS)))


@settings(max_examples=80, deadline=None)
@given(fields=lines, change=st.sampled_from(CHANGES), into=st.integers(0, 36 * 60), seconds=st.sampled_from([0, 30]))
def test_cron_lines_agree_with_walking_through_every_minute(fields, change, into, seconds):
    zone, day = change
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=into)
    expected = slow_runs(fields, zone, start, hours=48)
    config = {"cron": "{} {} {} * {}".format(*fields)}
    after = start + timedelta(seconds=seconds)
    end = start + timedelta(hours=48)
    found = cron.runs_between(config, after + timedelta(microseconds=1), end, zone, NOW, 1_000)
    assert found == [run for run in expected if after < run < end]
    if found:
        assert cron.next_run(config, after=after, zone=zone, anchor=NOW) == found[0]
        now = found[-1] + timedelta(seconds=20)
        missed = cron.collapse(config, due=found[0], now=now, zone=zone, anchor=NOW)
        assert (missed.latest, missed.count) == (found[-1], len(found))
        assert missed.following is not None
        assert missed.following > now


@settings(max_examples=60, deadline=None)
@given(fields=lines, change=st.sampled_from(CHANGES), into=st.integers(0, 36 * 60), back=st.integers(0, 30 * 60))
def test_collapsing_finds_the_last_run_also_within_repeated_hours(fields, change, into, back):
    zone, day = change
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=into)
    runs = [run for run in slow_runs(fields, zone, now - timedelta(minutes=back), hours=31) if run <= now]
    if not runs:
        return
    config = {"cron": "{} {} {} * {}".format(*fields)}
    missed = cron.collapse(config, due=runs[0], now=now, zone=zone, anchor=NOW)
    assert (missed.latest, missed.count) == (runs[-1], len(runs))


@pytest.mark.parametrize(
    ("config", "after", "run"),
    [
        ({"cron": "30 2 * * *"}, berlin(2026, 3, 29, 1), berlin(2026, 3, 29, 3)),  # skipped: the end of the gap
        ({"cron": "30 2 * * *"}, datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
        ({"cron": "0 9 * * 1-5"}, berlin(2026, 6, 5, 9), berlin(2026, 6, 8, 9)),
        ({"cron": "0 9 L * *"}, berlin(2026, 2, 1), berlin(2026, 2, 28, 9)),
        ({"cron": "0 9 29 2 *"}, berlin(2026, 3, 1), berlin(2028, 2, 29, 9)),
        ({"at": "2026-12-01T09:00"}, NOW, berlin(2026, 12, 1, 9)),
        ({"at": "2026-12-01T09:00-05:00"}, NOW, datetime(2026, 12, 1, 14, tzinfo=UTC)),
        ({"at": "2026-03-29T02:30"}, berlin(2026, 3, 1), berlin(2026, 3, 29, 3)),
        ({"at": "2026-06-17T10:00Z"}, NOW, None),  # strictly after
        ({"every": {"hours": 6}}, NOW, NOW + timedelta(hours=6)),
        ({"every": {"hours": 6}}, NOW - timedelta(days=3), NOW + timedelta(hours=6)),  # never before its anchor
        ({"every": {"hours": 6}}, NOW + timedelta(hours=13), NOW + timedelta(hours=18)),
        ({"every": {"days": 2, "at": "09:00"}}, NOW, berlin(2026, 6, 19, 9)),  # 09:00 was over at noon
        ({"every": {"days": 2, "at": "09:00"}}, NOW - timedelta(days=3), berlin(2026, 6, 19, 9)),
        ({"every": {"days": 2, "at": "13:00"}}, NOW, berlin(2026, 6, 17, 13)),
        ({"every": {"days": 2}}, NOW, berlin(2026, 6, 19, 12)),
        ({"every": {"days": 200, "at": "12:00"}}, NOW, berlin(2027, 1, 3, 12)),  # wall time through the change
    ],
)
def test_the_next_run_by_example(config, after, run):
    assert cron.check(config) == []
    assert cron.next_run(config, after=after, zone=BERLIN, anchor=NOW) == run


def test_what_fell_into_one_gap_runs_once():
    gap = berlin(2026, 3, 29, 1, 30), berlin(2026, 3, 29, 4)
    found = cron.runs_between({"cron": "*/20 * * * *"}, *gap, BERLIN, NOW)
    assert [run.astimezone(BERLIN).strftime("%H:%M") for run in found] == ["01:40", "03:00", "03:20", "03:40"]
    assert cron.runs_between({"cron": "0 9 * * *"}, *(berlin(2026, 6, d) for d in (1, 5)), BERLIN, NOW, 2) == [
        berlin(2026, 6, 1, 9),
        berlin(2026, 6, 2, 9),
    ]


@settings(max_examples=60, deadline=None)
@given(
    days=st.integers(1, 40),
    zone=st.sampled_from([zone for zone, _ in CHANGES]),
    hour=st.integers(0, 23),
    after=st.integers(0, 400 * 24),
)
def test_every_so_many_days_agrees_with_a_list_of_them(days, zone, hour, after):
    anchor = datetime(2026, 1, 5, 10, 17, tzinfo=UTC)
    first = anchor.astimezone(zone).date()
    walls = [datetime.combine(first + timedelta(days=days * n), datetime.min.time()) for n in range(450 // days + 2)]
    after = anchor + timedelta(hours=after)
    near = [wall for wall in walls if wall.replace(tzinfo=UTC) > after - timedelta(days=3)]
    runs = (slow.first_showing(wall + timedelta(hours=hour), zone) for wall in near)
    expected = next(run for run in runs if run > after)
    config = {"every": {"days": days, "at": f"{hour:02}:00"}}
    assert cron.next_run(config, after=after, zone=zone, anchor=anchor) == expected


@pytest.mark.parametrize(
    ("config", "due", "latest", "following", "count"),
    [
        ({"at": "2026-06-01T09:00"}, berlin(2026, 6, 1, 9), berlin(2026, 6, 1, 9), None, 1),
        ({"every": {"hours": 6}}, NOW - timedelta(hours=20), NOW - timedelta(hours=2), NOW + timedelta(hours=4), 4),
        (
            {"every": {"days": 3, "at": "09:00"}},
            berlin(2026, 6, 8, 9),
            berlin(2026, 6, 17, 9),
            berlin(2026, 6, 20, 9),
            4,
        ),
        ({"cron": "0 9 * * 1-5"}, berlin(2026, 6, 12, 9), berlin(2026, 6, 17, 9), berlin(2026, 6, 18, 9), 4),
        ({"cron": "0 12 * * *"}, NOW, NOW, NOW + timedelta(days=1), 1),
    ],
)
def test_what_a_downtime_comes_to(config, due, latest, following, count):
    anchor = due - timedelta(hours=30) if "hours" in config.get("every", {}) else due - timedelta(hours=1)
    found = cron.collapse(config, due=due, now=NOW, zone=BERLIN, anchor=anchor)
    assert (found.latest, found.following, found.count) == (latest, following, count)


def test_in_the_second_of_two_equal_hours_all_runs_of_the_first_are_over():
    first = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)  # 02:50 in Berlin, the first time
    now = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10, the second time
    found = cron.collapse({"cron": "50 2 * * *"}, due=first - timedelta(days=1), now=now, zone=BERLIN, anchor=NOW)
    assert (found.latest, found.count) == (first, 2)


def test_a_long_downtime_is_not_counted_to_the_end():
    found = cron.collapse({"cron": "*/5 * * * *"}, due=NOW - timedelta(days=3650), now=NOW, zone=BERLIN, anchor=NOW)
    assert (found.latest, found.count) == (NOW, cron.COUNT_LIMIT)


def test_only_what_is_due_collapses():
    with pytest.raises(ValueError, match="still to come"):
        cron.collapse({"cron": "0 9 * * *"}, due=NOW + timedelta(hours=1), now=NOW, zone=BERLIN, anchor=NOW)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"cron": "* * * * *"}, "more often than every 5 minutes"),
        ({"cron": "*/4 * * * *"}, "more often"),
        ({"cron": "0,58 9,10 * * *"}, "more often"),  # 09:58 and 10:00
        ({"cron": "0,58 0,23 * * *"}, "more often"),  # over midnight
        ({"cron": "0 0 30 2 *"}, "never comes"),
        ({"cron": "0 0 31 4,6 *"}, "never comes"),
        ({"cron": "0 0 32 * *"}, "five fields"),
        ({"cron": "@daily"}, "five fields"),
        ({"cron": "0 0 9 * * *"}, "five fields"),  # seconds
        ({"cron": "0 9 * * MONDAY"}, "cannot be read"),
        ({"cron": 5}, "five fields"),
        ({"cron": "0 " * 200}, "five fields"),
        ({"at": "2026-12-01"}, "2026-12-01T09:00"),
        ({"at": "2026-13-01T09:00"}, "no date and time"),
        ({"at": 5}, "no date and time"),
        ({"every": {"hours": 0}}, "from 1 to 8760"),
        ({"every": {"hours": 1.5}}, "whole number"),
        ({"every": {"hours": 2, "at": "09:00"}}, "goes with days"),
        ({"every": {"days": 4000}}, "from 1 to 3650"),
        ({"every": {"days": 1, "at": "25:00"}}, "write it as 09:00"),
        ({"every": {"days": 1, "at": "09:00+01:00"}}, "without a zone"),
        ({"every": {"days": 1, "hours": 1}}, "either hours or days"),
        ({"every": {"weeks": 1}}, "give"),
        ({"every": []}, "give"),
        ({"cron": "0 9 * * *", "at": "2026-12-01T09:00"}, "One timetable"),
        ({}, "One timetable"),
        ({"chron": "0 9 * * *"}, "Unknown field chron"),
        ("0 9 * * *", "not an object"),
    ],
)
def test_what_is_refused_says_what_to_write(config, complaint):
    problems = cron.check(config)
    assert len(problems) == 1
    assert complaint in problems[0]
    with pytest.raises(ValueError, match=complaint[:4]):
        cron.next_run(config, after=NOW, zone=BERLIN, anchor=NOW)


def test_minutes_far_enough_apart_are_fine():
    assert cron.check({"cron": "0,58 9,11 * * *"}) == []
    assert cron.check({"cron": "*/5 * * * *"}) == []


@given(line=st.text("0123456789*/-,#LWMONSAT ", max_size=30))
def test_any_text_is_judged_and_what_passes_runs(line):
    if not cron.check({"cron": line}):
        assert cron.next_run({"cron": line}, after=NOW, zone=UTC_ZONE, anchor=NOW)
        assert cron.sentence({"cron": line})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"cron": "0 9 * * 1-5"}, "every weekday at 09:00"),
        ({"cron": "30 17 * * *"}, "every day at 17:30"),
        ({"cron": "0 9 * * MON"}, "every Monday at 09:00"),
        ({"cron": "0 9 * * 7"}, "every Sunday at 09:00"),
        ({"cron": "0 8 1 * *"}, "on day 1 of every month at 08:00"),
        ({"cron": "0 8 L * *"}, "on the last day of every month at 08:00"),
        ({"cron": "15 * * * *"}, "every hour at minute 15"),
        ({"cron": "0  9 * 6 *"}, "0 9 * 6 *"),
        ({"cron": "*/10 9-17 * * 1-5"}, "*/10 9-17 * * 1-5"),
        ({"at": "2026-12-01T09:00"}, "once on 2026-12-01 at 09:00"),
        ({"every": {"hours": 1}}, "every hour"),
        ({"every": {"hours": 6}}, "every 6 hours"),
        ({"every": {"days": 2, "at": "09:00"}}, "every 2 days at 09:00"),
        ({"every": {"days": 1}}, "every day"),
    ],
)
def test_in_words(config, words):
    assert cron.sentence(config) == words


def test_a_day_that_the_zone_skipped_runs_when_it_is_over():
    found = cron.runs_between(
        {"cron": "0 9 * * *"}, *(datetime(2011, 12, day, 20, tzinfo=UTC) for day in (28, 30)), APIA, NOW
    )
    assert [slow.shown(run, APIA) for run in found] == [
        datetime(2011, 12, 29, 9),  # noqa: DTZ001 - wall times
        datetime(2011, 12, 31, 0),  # noqa: DTZ001
        datetime(2011, 12, 31, 9),  # noqa: DTZ001
    ]
    assert date(2011, 12, 30) not in {slow.shown(run, APIA).date() for run in found}
