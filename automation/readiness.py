"""Rules made ready to run: checked once a change, with the version that their firings name."""

import logging
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from automation import drafting, pauses, rules, values
from automation.audited import RULE
from automation.events import Event
from automation.models import EngineQueue, RuleVersion, TaskAutomationRule
from automation.triggers import KINDS
from domain import conditions, policies
from notifications import outbox
from notifications.models import Notification

log = logging.getLogger("nextmove.automation")


class Ready:
    """A rule that can run. What it counts lives as long as one batch."""

    busy_hours: tuple[datetime, list[int]] | None = None
    """Tasks in each of the hours before in which it made any, and when they were counted; see `rushes`."""

    def __init__(self, rule: TaskAutomationRule, content_hash: str, version: RuleVersion | None = None) -> None:
        self.rule = rule
        self.content_hash = content_hash
        self.condition = conditions.compiled(rule.condition)
        self.asked = False
        """Somebody asked for it to be applied: also to what happened while it was off."""
        self._version = version
        self.begin()

    def begin(self) -> None:
        """Forgets what it counted in the batch before."""
        self.stopped = False
        self.this_hour: int | None = None
        """Tasks it made within the last hour; None as long as nobody has counted them."""

    @cached_property
    def policy(self) -> policies.Policy:
        """When it fires, as it says as long as it stands like this."""
        return drafting.policy_of(self.rule)

    def covers(self, event: Event) -> bool:
        """Whether the event is the rule's business: in its time, by its trigger, within its scope."""
        rule = self.rule
        if self.stopped or self.was_off(event):
            return False
        return KINDS[rule.trigger_type].matches(rule.trigger_config, event) and self.in_scope(event)

    def was_off(self, event: Event) -> bool:
        """Whether the event happened, or came, while the rule was off, and nobody asked for it all the same."""
        return not self.asked and (self.rule.was_off(event.received_at) or self.rule.was_off(event.occurred_at))

    def in_scope(self, event: Event) -> bool:
        """A rule of its owner's own answers for contacts they own, and for work of theirs that has no contact."""
        rule, contact, task = self.rule, event.contact, event.task
        if contact is not None and (contact.erased_at is not None or contact.merged_into_id is not None):
            return False
        if rule.scope == TaskAutomationRule.TEAM:
            return True
        if contact is not None:
            return contact.owner_id == rule.owner_id
        return task is None or rule.owner_id in (task.owner_id, task.assignee_id)

    def holds(self, event: Event, now: datetime, given: values.Values | None = None) -> bool:
        """Whether the rule's condition is true of the event. Raises ConditionFailed when nobody can say.

        Many rules that look at one event share the values that are `given`.
        """
        if not self.condition.text:
            return True
        return self.condition.holds(given or values.of(event, self.rule.team, now=now), now=now)

    def version(self, now: datetime) -> RuleVersion:
        if self._version is None:
            self._version = rules.freeze(self.rule, self.content_hash, now=now)
        return self._version


def ready_rules(team_id: int, now: datetime, *, kinds: tuple[str, ...] = ()) -> list[Ready]:
    """The team's live rules that are sound. One that is not is parked with the reason, and its owner is told."""
    live = TaskAutomationRule.objects.live().filter(team_id=team_id).select_related("owner", "team").order_by("pk")
    if kinds:
        live = live.filter(trigger_type__in=kinds)
    known = RuleVersion.objects.filter(rule__in=live.values("pk")).defer("content")
    versions = {(version.rule_id, version.content_hash): version for version in known}
    return [ready for rule in live if (ready := make_ready(rule, now, versions)) is not None]


def make_ready(
    rule: TaskAutomationRule, now: datetime, versions: Mapping[tuple[int, str], RuleVersion] | None = None
) -> Ready | None:
    """Checks a rule again only when its content changed since it was last checked, whoever wrote the row.

    `versions` are those that are known already, by rule and content.
    """
    if not rule.seen_active:
        _notice_switched_on(rule, now)
    digest = rules.content_hash(rule)
    if rule.content_hash != digest:
        errors = _errors_of(rule)
        rule.content_hash = digest
        rule.parked_reason = str(rules.BadRule(errors)) if errors else ""
        with RULE.changing(rule, by=None, now=now, verb="parked" if errors else ""):
            TaskAutomationRule.objects.filter(pk=rule.pk).update(
                content_hash=rule.content_hash, parked_reason=rule.parked_reason
            )
            if errors:
                pauses.announce(rule, pauses.INVALID, rule.parked_reason, now=now)
                _tell_owner(rule, now)
        if errors:
            log.warning("rule %s is parked: %s", rule.pk, rule.parked_reason)
    return None if rule.parked_reason else Ready(rule, digest, (versions or {}).get((rule.pk, digest)))


def _tell_owner(rule: TaskAutomationRule, now: datetime) -> None:
    outbox.tell(
        rule.owner,
        kind=Notification.RULE,
        key=f"invalid:{rule.pk}:{now:%Y%m%d}:{rule.content_hash}",  # two batches at once may find the same
        title=f"“{rule.name}” cannot run",
        body=f"{rule.parked_reason} Nothing comes of it until it is mended.",
        path=f"/automations/task-scheduling/{rule.pk}",
        now=now,
    )


def _notice_switched_on(rule: TaskAutomationRule, now: datetime) -> None:
    """Switched on past the verbs: since when nobody knows, but not before the queue was last seen empty."""
    drained = EngineQueue.objects.filter(team_id=rule.team_id).values_list("drained_at", flat=True).first()
    rule.note_switched(drained or now)
    TaskAutomationRule.objects.filter(pk=rule.pk, seen_active=False).update(
        seen_active=True, active_since=rule.active_since, paused_reason=""
    )


def _errors_of(rule: TaskAutomationRule) -> rules.Errors:
    """What is wrong with a rule. One written past every check may hold anything: what it breaks is its own fault."""
    try:
        return rules.check(rule)
    except Exception as error:
        log.warning("rule %s cannot be read", rule.pk, exc_info=True)
        return {"rule": [f"It cannot be read: {error!r}"]}
