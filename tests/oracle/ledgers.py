"""Random ledgers for one rule to be replayed over: what arrived about contacts whose fields stay as they are."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle import histories

DAYS = timedelta(days=6)
SIMULATED = ("activity", "activity", "activity", "status_change", "time", "inactivity")


@st.composite
def ledgers(draw: st.DrawFn, kinds: tuple[str, ...] = SIMULATED) -> histories.History:
    """One rule, and what arrived about two or three contacts, whose fields stay as they are."""
    start = draw(st.sampled_from(histories.STARTS))
    count = draw(st.integers(2, 3))
    rule = draw(histories.rules(0, 1, kinds))
    if rule["trigger_type"] != "inactivity":
        rule["burst"] = draw(st.sampled_from([0, 0, 1, 2, 3]))
    story, status = [], ["lead"] * count
    for _ in range(draw(st.integers(3, 14))):
        fields = draw(histories.records(count))
        contact = fields["contact"]
        if rule["trigger_type"] == "status_change" and draw(st.integers(0, 3)):
            new = draw(st.sampled_from([word for word in histories.STATUSES if word != status[contact]]))
            words = {"old_status": status[contact], "new_status": new}
            fields |= {"activity_type": "status_changed", "data": words, "times": 1, "late": timedelta()}
            status[contact] = new
        if rule["trigger_type"] == "inactivity":
            fields["late"] = timedelta()  # the ledger knows at once what the engine hears later
        story.append(histories.Happening(draw(st.sampled_from(histories.STEPS)), "record", fields))
    return histories.History(
        start=start,
        team={"timezone": draw(histories.zones), "country": ""},
        people=[person | {"off": person["away"]} for person in draw(histories.people())],
        contacts=[draw(histories.contacts(number, start)) for number in range(count)],
        rules=[rule],
        happenings=story,
    )


def arrivals(ledger: histories.History) -> list[tuple[datetime, dict[str, Any]]]:
    """What arrives within the days, each with its instant."""
    now, found = ledger.start, list[tuple[datetime, dict[str, Any]]]()
    for one in ledger.happenings:
        now += one.after
        fields = {name: value for name, value in one.fields.items() if name not in ("late", "times")}
        fields["occurred_at"] = now - one.fields["late"]
        if now < ledger.start + DAYS:
            found += [(now, fields)] * one.fields["times"]
    return found
