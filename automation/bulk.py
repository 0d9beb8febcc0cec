"""A batch of events of one team: judged in memory one after the other, and what came of them written a table at a time.

What most events come to goes that way: a task for somebody settled on beforehand, nothing and why, a failure, a wait.
Whatever else comes up (events of tasks, changes that settle, the best person to be found, a circle) is done row by row
as `occurring` does it, after all that was decided before it has been written. Both ways make the same rows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from assignment import dispatch
from automation import chains, drafting, events, firing, giving, occurring, reactions, rushes, settling, silence, values
from automation.drafting import Draft
from automation.events import Event
from automation.giving import Settled
from automation.knowledge import Knowledge, KnownHistory
from automation.models import Firing, TaskAutomationRule
from automation.readiness import Ready
from automation.rulebook import Rulebook
from crm import strays
from crm.models import Activity, Contact
from domain import templating
from domain.conditions import ConditionFailed
from jobs import rows
from jobs.rows import add_all, at_hand, change_all, give_ids
from learning import arms
from people.models import Team, User
from work import arrivals
from work.models import Task

MOST = 500
"""Firings written at one go."""


@dataclass
class Planned:
    """A firing that is decided and not written yet, with the task it is to make and who is to have it."""

    ready: Ready
    firing: Firing
    event: Event
    draft: Draft | None = None
    settled: Settled | None = None


class Batch:
    """Follows events one after the other; call `finish` at the end. Be in the transaction that holds the queue."""

    def __init__(self, team: Team, book: Rulebook, activities: Sequence[Activity], *, now: datetime) -> None:
        self.team, self.book, self.now = team, book, now
        self.outcomes: Counter[str] = Counter()
        self._planned: list[Planned] = []
        self._heard: dict[int, Contact] = {}
        self._counted: Counter[int] = Counter()
        self._shared = drafting.Shared(team)
        self._given: dict[int, values.Values] = {}
        self._settled: dict[tuple[int, int | None], Settled | None] = {}
        self._judged = set(
            Firing.objects.filter(activity__among=[one.id for one in activities]).values_list("rule", "trigger_key")
        )
        self._known = Knowledge(book.rules, now=now, write=self.write)
        self._known.read({one.contact_id for one in activities if one.contact_id is not None})
        self._prepare(activities)

    def _prepare(self, activities: Sequence[Activity]) -> None:
        """What the rules need that are likely to be asked, at one go: their owners as they are, and their counts."""
        likely: dict[int, Ready] = {}
        for activity in activities:
            if activity.task_id is None and self.book.has_any_for(activity.activity_type):
                given = values.of(events.of_activity(activity), self.team, now=self.now)
                self._given[activity.id] = given
                likely |= {ready.rule.id: ready for ready in self.book.found(given.event, given)}
        owners = User.objects.select_related("team").in_bulk({ready.rule.owner_id for ready in likely.values()})
        for ready in self.book.rules:
            ready.begin()
        for ready in likely.values():
            ready.rule.team, ready.rule.owner = self.team, owners[ready.rule.owner_id]
        rushes.count_ahead(likely.values(), self.now)
        contacts = {one.contact_id for one in activities if one.contact_id is not None}
        self._shared.read([ready.rule for ready in likely.values()], contacts)

    def follow(self, activity: Activity) -> None:
        """What follows of itself from one activity, then its firings; those it already has are not made again."""
        if not strays.bring_home(activity):
            return
        if activity.contact_id is not None:
            self._known.read([activity.contact_id])
        if reactions.only_breaks_silence(activity):
            if silence.hear(activity, self.book.on_silence) and activity.contact is not None:
                self._heard[activity.contact.id] = activity.contact
        else:
            self._do_at_once(activity)
        if self.book.has_any_for(activity.activity_type):
            self._fire(activity)

    def finish(self) -> Counter[str]:
        """How many firings there were, by their outcome."""
        self.write()
        counters = sorted(self._counted.items())
        said = "times_triggered = times_triggered + v_times_triggered, tasks_created = tasks_created + v_tasks_created"
        made = [(pk, times, times) for pk, times in counters]
        change_all(TaskAutomationRule, ("times_triggered", "tasks_created"), made, said)
        return self.outcomes

    def _do_at_once(self, activity: Activity) -> None:
        """What may read and write any row: all that was decided before is there for it, and is read anew after it."""
        self.write()
        reactions.follow(activity, self.book.on_silence, now=self.now)
        self._known.forget(activity.contact_id)

    def _fire(self, activity: Activity) -> None:
        given = self._given.pop(activity.id, None)
        if given is None or given.event.contact is not activity.contact:
            given = values.of(events.of_activity(activity), self.team, now=self.now)
        given.forget()
        event = given.event
        for ready in self.book.found(event, given):
            if (ready.rule.id, event.key) not in self._judged and occurring.is_concerned(ready, event):
                self._judge(ready, event, given)

    def _judge(self, ready: Ready, event: Event, given: values.Values) -> None:
        if event.contact is None or event.task is not None or settling.settles(ready.rule):
            self._settle_by_row(ready, event)
            return
        rule, version = ready.rule, ready.version(self.now)
        chain = chains.of(event)
        try:
            if not ready.holds(event, self.now, given):
                return
        except ConditionFailed as failure:
            facts = firing.facts_of(rule, version, event, chain, self.now)
            self._keep(Planned(ready, rows.new(Firing, **facts), event), Firing.FAILED, failure)
            return
        owner = drafting.owner_for(rule, event.contact)
        history = KnownHistory(self._known, rule, event.contact, owner)
        verdict = firing.verdict_on(rule, ready.policy, event, chain, history, owner, now=self.now)
        facts = firing.facts_of(rule, version, event, chain, self.now)
        planned = Planned(ready, rows.new(Firing, **facts), event)
        if verdict.outcome == "suppress":
            self._keep(planned, Firing.SUPPRESSED, verdict.reason)
        elif verdict.outcome == "wait":
            planned.firing.due_at = verdict.until
            self._keep(planned, Firing.WAITING, firing.WAITS_LIMIT.format(reason=verdict.reason))
        elif verdict.outcome == "fire" and self._can_plan(rule, event.contact, owner):
            self._plan(planned, owner)
        else:
            self._settle_by_row(ready, event)

    def _can_plan(self, rule: TaskAutomationRule, contact: Contact, owner: User) -> bool:
        """Whether it is settled who has the task, and nothing forbids it."""
        if rule.required_skills or rule.assign in ("best_match", "round_robin"):
            return False
        settled = self._settle_on(rule, contact, owner)
        if settled is None:
            return True
        person = settled.person
        return person.team_id == self.team.id and (person.id, contact.id) not in self._known.excluded

    def _settle_on(self, rule: TaskAutomationRule, contact: Contact, owner: User) -> Settled | None:
        """The same for all contacts of an owner."""
        key = (rule.id, owner.id if contact.owner_id == owner.id else None)
        if key not in self._settled:
            self._settled[key] = giving.settled_on(rule, contact, owner)
        return self._settled[key]

    def _plan(self, planned: Planned, owner: User) -> None:
        rule, contact = planned.ready.rule, planned.event.contact
        assert contact is not None
        try:
            planned.draft = drafting.draft(rule, planned.event, self._shared, now=self.now)
        except templating.TemplateError as failure:
            self._keep(planned, Firing.FAILED, failure)
            return
        planned.settled = self._settle_on(rule, contact, owner)
        planned.firing.owner_id = owner.id
        self._keep(planned, Firing.FIRED, "")
        self._counted[rule.id] += 1
        rushes.watch(planned.ready, self.now, written=False)

    def _keep(self, planned: Planned, outcome: str, reason: object) -> None:
        planned.firing.outcome, planned.firing.reason = outcome, str(reason)[:500]
        self.outcomes[outcome] += 1
        self._planned.append(planned)
        self._known.note(planned.firing)
        if len(self._planned) >= MOST:
            self.write()

    def _settle_by_row(self, ready: Ready, event: Event) -> None:
        self.write()
        made = occurring.settle_one(ready, event, self.now)
        if made is not None:
            self.outcomes[made.outcome] += 1
        self._known.forget(event.contact.id if event.contact is not None else None)

    def write(self) -> None:
        """Writes what has been decided; asking again writes nothing more.

        IntegrityError says that something of it is there already: the records are then looked at one by one.
        """
        heard, self._heard = sorted(self._heard.items()), {}
        planned, self._planned = self._planned, []
        signs = [(pk, contact.last_activity_at, contact.quiet_at) for pk, contact in heard]
        said = "last_activity_at = v_last_activity_at, quiet_at = v_quiet_at"
        change_all(Contact, ("last_activity_at", "quiet_at"), signs, said)
        give_ids([one.firing for one in planned])
        fired = [one for one in planned if one.draft is not None]
        tasks = [self._task(one) for one in fired]
        give_ids(tasks)
        for task, one in zip(tasks, fired, strict=True):
            one.firing.task_id = task.id
        add_all([one.firing for one in planned])
        arms.keep(one.draft.drawn for one in fired if one.draft is not None and one.draft.drawn is not None)
        pairs = zip(tasks, fired, strict=True)
        self._make(tasks, {task.origin_key: one.settled for task, one in pairs if one.settled is not None})

    def _make(self, tasks: Sequence[Task], settled: Mapping[str | None, Settled]) -> None:
        if not tasks:
            return
        _let_go(tasks)
        holdings = {key: arrivals.Holding(one.method, one.reasons) for key, one in settled.items()}
        given = arrivals.create_all(tasks, by=None, now=self.now, holdings=holdings)
        for assignment in given:
            at_hand(assignment, user=settled[assignment.task.origin_key].person)
        dispatch.tell_assigned(given, now=self.now, fresh=True)

    def _task(self, planned: Planned) -> Task:
        rule, event = planned.ready.rule, planned.event
        assert planned.draft is not None
        settled = planned.settled
        return rows.new(
            Task,
            team_id=self.team.id,
            contact_id=event.contact.id if event.contact is not None else None,
            owner_id=planned.draft.owner.id,
            assignee_id=settled.person.id if settled is not None else None,
            origin_key=firing.origin_key(planned.firing),
            once_key=firing.once_key(rule, event.contact),
            **firing.columns_of(rule, event, planned.draft),
        )


def _let_go(tasks: Sequence[Task]) -> None:
    """Takes the keys of open tasks from those that are finished, or another contact's by now."""
    wanted = {task.once_key: task.contact_id for task in tasks if task.once_key is not None}
    held = Task.objects.filter(once_key__among=list(wanted)).values_list("pk", "once_key", "status", "contact")
    free = [pk for pk, key, status, contact in held if status not in Task.OPEN or contact != wanted[key]]
    if free:
        Task.objects.filter(pk__among=free).update(once_key=None)
