"""Rules over a list of happenings, one after the other: which firings, tasks, counters and pauses there must be.

Whatever is asked is answered by reading the lists from their beginning; nothing clever is kept.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.oracle import clock, policy, runs, texts

Row = dict[str, Any]


class Interpreter:
    """Feed it happenings in the order of the clock. Rules, contacts and people are named by their place in a list."""

    def __init__(
        self,
        team: Row,
        people: list[Row],
        rules: list[Row],
        contacts: list[Row],
        start: datetime,
        *,
        done_after: timedelta | None = None,
    ) -> None:
        """`done_after`: somebody does each task so long after it was made."""
        self.team, self.people, self.contacts = team, people, contacts
        self.rules = [rule | {"number": number} for number, rule in enumerate(rules)]
        self.start, self.done_after = start, done_after
        self.ledger: list[Row] = []
        self.firings: list[Row] = []
        self.tasks: list[Row] = []
        self.parked: set[tuple[int, int]] = set()
        self.paused: set[int] = set()
        self.switched: list[tuple[int, datetime, bool]] = []
        self.planned: dict[int, datetime] = {}
        self.looked: set[tuple[int, str]] = set()

    # What happens

    def record(self, at: datetime, contact: int, **fields: Any) -> None:
        """Something about a contact arrives."""
        self.ledger.append(
            {
                "label": f"activity:{len(self.ledger)}",
                "kind": "activity",
                "contact": contact,
                "task": None,
                "occurred_at": at,
                "received_at": at,
                "origin": "live",
                "signal": "unknown",
                "data": {},
                "processed": False,
            }
            | fields
        )

    def change_status(self, at: datetime, contact: int, status: str) -> None:
        self._notice(contact, at)
        self.contacts[contact]["status"] = status
        self._notice(contact, at)

    def change_by_hand(self, contact: int, **fields: Any) -> None:
        self.contacts[contact].update(fields)

    def _notice(self, contact: int, at: datetime) -> None:
        row = self.contacts[contact]
        if row["status"] != row["seen_status"]:
            words = {"old_status": row["seen_status"], "new_status": row["status"]}
            self.record(at, contact, kind="status_change", activity_type="status_changed", data=words)
            row["seen_status"] = row["status"]

    def finish(self, at: datetime, task: int, *, done: bool) -> None:
        """Completed by a person, or cancelled."""
        row = self.tasks[task]
        row["status"] = "done" if done else "cancelled"
        if done:
            row["assignee"] = 0 if row["assignee"] is None else row["assignee"]  # the manager who does it takes it
            self.record(
                at,
                row["contact"],
                kind="task_completed",
                activity_type="task_completed",
                task=task,
                origin="system",
            )

    def switch(self, at: datetime, rule: int, *, on: bool) -> None:
        if self.is_on(rule) != on:
            self.switched.append((rule, at, on))
            self.planned.pop(rule, None)
            self.paused.discard(rule)

    def drain(self, now: datetime) -> None:
        """What nobody has looked at is looked at, in the order it was written down."""
        for number in range(len(self.contacts)):
            self._notice(number, now)
        for event in [one for one in self.ledger if not one["processed"]]:
            event["processed"] = True
            for rule in self.rules:
                self._meet(rule, event, now)

    def sweep(self, now: datetime) -> None:
        """What is due by the clock: what waits, rules on time, silences."""
        self.drain(now)
        for firing in sorted(self._waiting(now), key=lambda one: one["due_at"]):
            self._conclude(firing, now)
        self._run_on_time(now)
        self._look_for_silence(now)

    def wait_until(self, now: datetime) -> None:
        """As a sweep of every instant up to `now` would: each that waits is judged at its own."""
        while waiting := self._waiting(now):
            first = min(waiting, key=lambda one: one["due_at"])
            self._conclude(first, first["due_at"])

    # What follows

    def counters(self) -> list[int]:
        return [
            sum(one["outcome"] == "fired" and one["rule"] == rule["number"] for one in self.firings)
            for rule in self.rules
        ]

    def _was_off(self, rule: int, instant: datetime) -> bool:
        return not next((on for number, at, on in reversed(self.switched) if number == rule and at <= instant), True)

    def is_on(self, rule: int) -> bool:
        return next((on for number, _, on in reversed(self.switched) if number == rule), True)

    def _meet(self, rule: Row, event: Row, now: datetime) -> None:
        number = rule["number"]
        if any(one["rule"] == number and one["event"] is event for one in self.firings):
            return
        if not self.is_on(number) or self._was_off(number, event["occurred_at"]):
            return
        if self._was_off(number, event["received_at"]) or not self._in_scope(rule, event):
            return
        if rule["trigger_type"] == "status_change" and rule["settle_seconds"]:
            if event["kind"] == "status_change":
                self._hold(rule, event, now)
        elif self._starts(rule, event):
            try:
                if not texts.holds(rule, self._contact(event), event, self.team):
                    return
            except texts.CannotSay:
                self._write(rule, event, now, outcome="failed")
                return
            self._judge(rule, self._write(rule, event, now, outcome="judging"), now)

    def _starts(self, rule: Row, event: Row) -> bool:
        if rule["trigger_type"] != event["kind"]:
            return False
        config = rule["trigger_config"]
        if event["kind"] == "activity":
            return event["activity_type"] in config["activity_types"]
        if event["kind"] == "status_change":
            return _fits(config, event["data"]["old_status"], event["data"]["new_status"])
        if event["kind"] == "task_completed":
            made_by = [one["rule"] for one in self.firings if one["task"] == event["task"]]
            wanted = config.get("priorities")
            if wanted and self.tasks[event["task"]]["priority"] not in wanted:
                return False
            return not config.get("rule_ids") or any(one in config["rule_ids"] for one in made_by)
        return True

    def _in_scope(self, rule: Row, event: Row) -> bool:
        contact = self._contact(event)
        return rule["scope"] == "team" or contact is None or contact["owner"] == rule["owner"]

    def _contact(self, event: Row) -> Row | None:
        if event["contact"] is None:
            return None
        contact = self.contacts[event["contact"]]
        owner = contact["owner"]
        return contact | {"owner_zone": self.people[owner]["timezone"] if owner is not None else ""}

    def _path(self, event: Row) -> tuple[int, ...]:
        """The rules passed: those that led to the task, and the one that made it."""
        made_by = [one for one in self.firings if event["task"] is not None and one["task"] == event["task"]]
        return (*made_by[0]["path"], made_by[0]["rule"]) if made_by else ()

    def _write(self, rule: Row, event: Row, now: datetime, **fields: Any) -> Row:
        firing = {
            "rule": rule["number"],
            "event": event,
            "contact": event["contact"],
            "occurred_at": event["occurred_at"],
            "path": self._path(event),
            "at": now,
            "outcome": "",
            "reason": "",
            "due_at": None,
            "owner": None,
            "task": None,
            "settles": False,
        } | fields
        self.firings.append(firing)
        return firing

    def _owner(self, rule: Row, event: Row) -> int:
        contact = self._contact(event)
        return rule["owner"] if contact is None or contact["owner"] is None else contact["owner"]

    def _zones(self, event: Row, owner: int) -> tuple[Any, Any]:
        """Of the owner, and of the contact."""
        contact = self._contact(event)
        theirs = [self.people[owner]["timezone"], self.team["timezone"]]
        return clock.first_known(*theirs), clock.first_known(contact["timezone"] if contact else "", *theirs)

    def _is_open(self, task: int | None, now: datetime) -> bool:
        if task is None or self.tasks[task]["status"] != "todo":
            return False
        return self.done_after is None or self.tasks[task]["created_at"] + self.done_after > now

    def _judge(self, rule: Row, firing: Row, now: datetime) -> None:
        event = firing["event"]
        owner = self._owner(rule, event)
        owner_zone, contact_zone = self._zones(event, owner)
        pair = (rule["number"], event["contact"])
        found = policy.answer(
            policy.Case(
                rule=rule,
                event=event,
                path=firing["path"],
                owner=owner,
                firings=self.firings,
                is_open=lambda task: self._is_open(task, now),
                parked=pair in self.parked,
                now=now,
                owner_day=clock.day_of(now, owner_zone),
                contact_day=clock.day_of(now, contact_zone),
                said=firing,
            )
        )
        firing |= {"at": now, "outcome": found.outcome, "reason": found.reason, "due_at": found.until}
        firing["settles"] = False
        if found.outcome == "parked":
            firing["outcome"] = "suppressed"
            self.parked.add(pair)
        if found.outcome == "fired":
            self._fire(rule, firing, owner, contact_zone, now)

    def _fire(self, rule: Row, firing: Row, owner: int, zone: Any, now: datetime) -> None:
        event, contact = firing["event"], self._contact(firing["event"])
        try:
            title = texts.title(rule, contact, event)
        except texts.CannotSay:
            firing["outcome"] = "failed"
            return
        person = self.people[owner]
        week = clock.Week(person["spans"], zone, person["off"])
        firing |= {"owner": owner, "task": len(self.tasks)}
        self.tasks.append(
            {
                "rule": rule["number"],
                "contact": event["contact"],
                "title": title,
                "due_date": clock.due(rule, event["occurred_at"], week),
                "owner": owner,
                "assignee": owner if rule["assign"] == "owner" else None,
                "priority": rule["task_priority"],
                "missed": event["data"].get("missed", 0),
                "status": "todo",
                "created_at": now,
            }
        )
        on_since = next((at for number, at, on in reversed(self.switched) if number == rule["number"] and on), None)
        if policy.rushes(rule, self.firings, now, on_since):
            self.switch(now, rule["number"], on=False)
            self.paused.add(rule["number"])

    # What waits

    def _waiting(self, now: datetime) -> list[Row]:
        return [one for one in self.firings if one["outcome"] == "waiting" and one["due_at"] <= now]

    def _hold(self, rule: Row, event: Row, now: datetime) -> None:
        """Fires once after the last change: an earlier one that has not settled yet moves on into this one."""
        held = [
            one
            for one in self.firings
            if one["settles"]
            and one["outcome"] == "waiting"
            and one["rule"] == rule["number"]
            and one["contact"] == event["contact"]
        ]
        began = event["data"]["old_status"]
        for before in held:
            if before["due_at"] <= event["occurred_at"]:
                self._settle(rule, before, now)
            else:
                began = before["event"]["data"]["old_status"]
                before |= {"outcome": "suppressed", "reason": "moved on", "due_at": None}
        due_at = event["occurred_at"] + timedelta(seconds=rule["settle_seconds"])
        firing = self._write(rule, event, now, outcome="waiting", reason="settles", due_at=due_at, settles=True)
        firing["event"] = event | {"data": {**event["data"], "old_status": began}}

    def _settle(self, rule: Row, firing: Row, now: datetime) -> None:
        event = firing["event"]
        if not _fits(rule["trigger_config"], event["data"]["old_status"], event["data"]["new_status"]):
            firing |= {"outcome": "suppressed", "reason": "elsewhere", "due_at": None}
            return
        try:
            holds = texts.holds(rule, self._contact(event), event, self.team)
        except texts.CannotSay:
            firing |= {"outcome": "failed", "reason": "", "due_at": None}
            return
        if holds:
            self._judge(rule, firing, now)
        else:
            firing |= {"outcome": "suppressed", "reason": "unmet", "due_at": None}

    def _conclude(self, firing: Row, now: datetime) -> None:
        rule = self.rules[firing["rule"]]
        if not self.is_on(rule["number"]):
            firing |= {"outcome": "suppressed", "reason": "switched off", "due_at": None}
        elif firing["settles"]:
            self._settle(rule, firing, now)
        else:
            self._judge(rule, firing, now)

    # What the clock brings

    def _instant(self, rule: Row, contact: int | None, at: datetime, **data: Any) -> Row:
        subject = "rule" if contact is None else f"contact {contact}"
        return {
            "label": f"{rule['trigger_type']} of {rule['number']} for {subject} at {at.isoformat()}",
            "kind": rule["trigger_type"],
            "activity_type": "",
            "contact": contact,
            "task": None,
            "occurred_at": at,
            "received_at": at,
            "origin": "system",
            "signal": "unknown",
            "data": data,
        }

    def _run_on_time(self, now: datetime) -> None:
        """One run for all that came since the last; none for what came before the rule was switched on.

        What is due longest comes first; runs for contacts are jobs of their own, and come after the others.
        """
        due = []
        for rule in self.rules:
            if rule["trigger_type"] == "time" and self.is_on(rule["number"]):
                since = self.planned.setdefault(rule["number"], now)
                zone = clock.first_known(self.people[rule["owner"]]["timezone"], self.team["timezone"])
                if come := runs.between(rule["trigger_config"], since, now, zone=zone, anchor=self.start):
                    is_for_contacts = "audience" in rule["trigger_config"]
                    first = come[-1] if is_for_contacts else come[0]
                    due.append((is_for_contacts, first, rule["number"], come))
        for _, _, number, come in sorted(due):
            self.planned[number] = now
            for contact in self._audience(self.rules[number]):
                missed = {"missed": len(come) - 1} if len(come) > 1 else {}
                self._meet(self.rules[number], self._instant(self.rules[number], contact, come[-1], **missed), now)

    def _audience(self, rule: Row) -> Iterator[int | None]:
        config = rule["trigger_config"]
        if config.get("audience") != "contacts":
            yield None
            return
        for number, contact in enumerate(self.contacts):
            if not config.get("statuses") or contact["status"] in config["statuses"]:
                yield number

    def _look_for_silence(self, now: datetime) -> None:
        """Once for each silence that became complete while the rule was on."""
        for number, contact in enumerate(self.contacts):
            for rule in self.rules:
                if rule["trigger_type"] != "inactivity" or not self.is_on(rule["number"]):
                    continue
                since = self.planned.setdefault(rule["number"], now)
                config = rule["trigger_config"]
                wanted = config.get("activity_types")
                heard = [
                    one["occurred_at"]
                    for one in self.ledger
                    if one["contact"] == number
                    and (
                        one["activity_type"] in wanted
                        if wanted
                        else one["activity_type"] not in ("status_changed", "task_completed")
                    )
                ]
                event = self._instant(
                    rule, number, max([*heard, contact["created_at"]]) + timedelta(hours=config["hours"])
                )
                key = (rule["number"], event["label"])
                if since < event["occurred_at"] <= now and key not in self.looked:
                    self.looked.add(key)
                    self._meet(rule, event, now)


def _fits(config: Row, old: str, new: str) -> bool:
    return old != new and config.get("from_status") in (None, old) and config.get("to_status") in (None, new)
