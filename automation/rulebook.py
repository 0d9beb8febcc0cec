"""A team's live rules as a batch of events asks for them: by what happened, and by the word they compare it with.

A rule that asks for `activity.campaign == "spring"` is looked up by that word, so that thousands of rules that differ
in it cost what one does. What is found may still not match: whoever asks looks at the whole rule.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from automation import rule_changes, settling
from automation.events import Event
from automation.models import TaskAutomationRule
from automation.readiness import Ready, ready_rules
from automation.values import Values
from crm.models import Activity
from domain.conditions.fields import Ref

NEEDS_ONE = {
    TaskAutomationRule.STATUS_CHANGE: (Activity.STATUS_CHANGED,),
    TaskAutomationRule.TASK_COMPLETED: (Activity.TASK_COMPLETED,),
}
"""The activity that starts each kind of rule, of those that activities start at all and that name none themselves."""


@dataclass
class Shelf:
    """The rules for one type of activity: those to look at each time, and the others by field and word."""

    always: list[Ready] = field(default_factory=list)
    by_word: dict[str, tuple[Ref, dict[str, list[Ready]]]] = field(default_factory=dict)

    def put(self, ready: Ready) -> None:
        equality = ready.condition.equality
        if equality is None or settling.settles(ready.rule):  # whose condition is judged once it has settled
            self.always.append(ready)
            return
        ref, word = equality
        _, words = self.by_word.setdefault(ref.full_name, (ref, defaultdict(list)))
        words[word].append(ready)

    def found(self, values: Values) -> list[Ready]:
        """In the order of the rules' ids."""
        found = list(self.always)
        for ref, words in self.by_word.values():
            value = ref.value(values)
            if isinstance(value, str):
                found += words.get(value, ())
            elif value is not None:
                found += (ready for several in words.values() for ready in several)
        return sorted(found, key=_number) if self.by_word else found


class Rulebook:
    """The rules of one team. Those of one batch at a time: use it while holding the team's queue."""

    def __init__(self, rules: Sequence[Ready]) -> None:
        self.rules = rules
        self.on_silence = [ready for ready in rules if ready.rule.trigger_type == TaskAutomationRule.INACTIVITY]
        self._shelves: dict[str, Shelf] = defaultdict(Shelf)
        for ready in sorted(rules, key=_number):
            for activity_type in _types(ready.rule):
                self._shelves[activity_type].put(ready)

    def has_any_for(self, activity_type: str) -> bool:
        return activity_type in self._shelves

    def found(self, event: Event, values: Values) -> list[Ready]:
        """The rules that the event may start, in the order of their ids."""
        return self._shelves[event.activity_type].found(values)


_kept: OrderedDict[int, tuple[rule_changes.Stamp, Rulebook]] = OrderedDict()
MOST_KEPT = 50_000
"""Rules that one process keeps in memory, some 5 kB each; those of teams that had no event for longest go first."""


def of_team(team_id: int, *, now: datetime) -> Rulebook:
    """The team's rules as they stand, read only when one of them was changed since they were read last."""
    stamp = rule_changes.stamp(team_id)
    known = _kept.pop(team_id, None)
    book = known[1] if known is not None and known[0] == stamp else Rulebook(ready_rules(team_id, now))
    _kept[team_id] = stamp, book
    while len(_kept) > 1 and sum(len(one.rules) for _, one in _kept.values()) > MOST_KEPT:
        _kept.popitem(last=False)
    return book


def forget(team_id: int) -> None:
    """After a transaction failed in which the rules were read, or may have got a version."""
    _kept.pop(team_id, None)


def _types(rule: TaskAutomationRule) -> Iterable[str]:
    if rule.trigger_type == TaskAutomationRule.ACTIVITY:
        return dict.fromkeys(rule.trigger_config["activity_types"])
    return NEEDS_ONE.get(rule.trigger_type, ())


def _number(ready: Ready) -> int:
    return ready.rule.id
