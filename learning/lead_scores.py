"""The scores of a team's open leads, and the priorities that follow from their ranks: every night, and as they stand.

`Contact.lead_score` is written where nobody else set it: it still has what was written there last, or nothing. What
somebody set stays theirs also when the score comes to be the same, until they set it to nothing, which is 0.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from django.db import connection, transaction
from django.db.models import F, OuterRef, Q, Subquery

from crm.models import Activity, Contact
from domain import calendars
from domain.learning import lead_points, lead_priority, lead_score
from domain.learning.lead_points import Features
from domain.learning.lead_priority import Open, Priority
from domain.learning.lead_score import Model, Score
from jobs.rows import insert_new
from learning import deal_values, lead_features, lead_models, settings
from learning.models import ContactScore, LeadOutcome, LeadSnapshot, ScoreModel, TeamLearning
from learning.settings import TAG
from people.models import Team
from work.models import Task

CHUNK = 1_000
DIGITS = 4
WRITING = (Activity.EMAIL_REPLIED, Activity.FORM_SUBMITTED, Activity.MEETING_BOOKED)
"""What a contact says of its own accord."""
PRESSES_FOR = timedelta(hours=1)
"""How long after they wrote somebody waits for an answer; heard of later, it is work like any other."""
TOLD = (
    *("model_id", "score", "told", "chance", "deal_value", "band", "reasons"),
    *("priority", "priority_reason", "rank", "prioritised_on"),
)


_left: list[Callable[[int, Collection[str]], Collection[str]]] = []


def register(left: Callable[[int, Collection[str]], Collection[str]]) -> None:
    """Adds a room's word on which of some kinds of a team's tasks, as rule:7, are to follow the score no more."""
    if left not in _left:
        _left.append(left)


@dataclass(frozen=True)
class Scored:
    """How many leads have a score, how many scores moved, and how many open tasks got another priority by it."""

    leads: int
    changed: int
    tasks: int


def refresh(team: Team, *, now: datetime) -> Scored:
    """Scores the team's open leads anew by the active version. Asked again, it changes nothing but what has faded."""
    mine, model = settings.of(team.pk), lead_models.active(team.pk)
    if model is None or not mine.scores:
        return Scored(0, 0, 0)
    with transaction.atomic():
        settings.enter(team.pk)
        found = {
            one.pk: (one.lead_score, score) for one, score in _scores(team, mine, Model.from_dict(model.data), now)
        }
        scores = {pk: score for pk, (_, score) in found.items()}
        before = {row.contact_id: row for row in ContactScore.objects.filter(contact__team=team)}
        taken = _taken_over(team)
        today = now.astimezone(calendars.first_zone(team.timezone).zone).date()
        worth = deal_values.of(scores, mine.deal_value_key)
        given = _priorities(team, mine, model, scores, worth, before, today, now)
        rows = [
            _row(
                pk,
                model,
                score,
                _is_ours(has, before.get(pk)) or has in taken.get(pk, ()),
                worth.get(pk),
                given[pk],
                before.get(pk),
                today,
                now,
            )
            for pk, (has, score) in found.items()
        ]
        changed = [row for row in rows if (old := before.get(row.contact_id)) is None or _differs(old, row)]
        gone = sorted(set(before) - set(scores))
        _keep(changed, gone)
        _tell_contacts((row.contact_id, found[row.contact_id][0], row.told) for row in changed)
        _tell_contacts((pk, before[pk].told, 0) for pk in gone)
        tasks = _tell_tasks(team, rows)
    return Scored(len(rows), len(changed), tasks)


def of_contact(contact: Contact) -> ContactScore | None:
    """The contact's score as it was last computed; None for one that is no open lead, or where none are given."""
    if not settings.of(contact.team_id).scores:
        return None
    return ContactScore.objects.select_related("model").filter(contact=contact).first()


class Priorities:
    """The priorities that work for a team's contacts gets by their scores, read when first asked for and kept."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self._known: dict[int, str | None] = {}

    @cached_property
    def are_given(self) -> bool:
        return settings.of(self.team.pk).scores

    def read(self, contacts: Iterable[int]) -> None:
        """Learns of these contacts, in one query for any number of them."""
        new = [pk for pk in contacts if pk not in self._known]
        if new and self.are_given:
            rows = dict(ContactScore.objects.filter(contact__in=new).values_list("contact", "priority"))
            self._known |= {pk: rows.get(pk) for pk in new}

    def of(self, contact_id: int, *, pressing: bool = False) -> str | None:
        """None where no score is known, or none are given; high at least if it presses: they have just written."""
        self.read([contact_id])
        found = self._known.get(contact_id)
        return Task.HIGH if pressing and found in (Task.MEDIUM, Task.LOW) else found


def _scores(team: Team, mine: TeamLearning, model: Model, now: datetime) -> Iterator[tuple[Contact, Score]]:
    tags = _tags(model)
    closed = [*mine.won_statuses, *mine.lost_statuses]
    said_last = LeadOutcome.objects.filter(contact=OuterRef("pk")).order_by("-at", "-pk")
    leads = Contact.objects.standing().filter(team=team).exclude(status__in=closed).order_by("pk")
    # Won or lost by the last word of a task, a lead has ended though its status does not say so.
    leads = leads.annotate(by_status=Subquery(said_last.values("is_status")[:1]))
    leads = leads.filter(Q(by_status=None) | Q(by_status=True))
    last = 0
    while part := list(leads.filter(pk__gt=last)[:CHUNK]):
        last = part[-1].pk
        engaged = lead_features.engagements({one.pk: now for one in part}, model.rules)
        known = dict(LeadSnapshot.objects.filter(contact__in=part).values_list("contact", "features"))
        asked: list[Features] = []
        for one in part:
            facts = lead_features.facts_of(one, known.get(one.pk, {}).get("came_by", lead_features.BY_HAND))
            asked.append(lead_features.features(facts, tags, engaged.get(one.pk, 0.0)))
        yield from zip(part, lead_score.score(model, asked), strict=True)


def _tags(model: Model) -> list[str]:
    """Those the model asks for; one from before a word was known as a personal trait is not asked of leads."""
    fields = {card.field for card in model.cards} | {rule.field for rule in model.rules}
    tags = [field for field in fields if field.startswith(TAG) and not lead_points.is_personal(field)]
    return sorted(field.removeprefix(TAG) for field in tags)


def _priorities(
    team: Team,
    mine: TeamLearning,
    model: ScoreModel,
    scores: Mapping[int, Score],
    worth: Mapping[int, float],
    before: Mapping[int, ContactScore],
    today: date,
    now: datetime,
) -> dict[int, Priority]:
    pressing = _pressing(team, now)
    leads = []
    for pk, score in scores.items():
        old = before.get(pk)
        leads.append(
            Open(
                id=pk,
                score=score.score,
                chance=score.chance,
                deal_value=worth.get(pk),
                priority=old.priority if old is not None else None,
                reason=old.priority_reason if old is not None else None,
                pressing=pk in pressing,
                changed_today=old is not None and old.prioritised_on == today,
            )
        )
    return lead_priority.prioritise(
        leads,
        base_rate=model.wins / model.n if model.kind == lead_score.LEARNED else None,
        capacity_share=mine.urgent_share / 100,
        salt=f"{team.pk}:{model.version}",
    )


def _pressing(team: Team, now: datetime) -> set[int | None]:
    """Contacts who are owed work that is overdue, or who have just written."""
    wrote = Activity.objects.filter(team=team, activity_type__in=WRITING, occurred_at__range=(now - PRESSES_FOR, now))
    late = Task.objects.overdue(now).filter(team=team)
    return {
        *late.values_list("contact", flat=True),
        *wrote.exclude(signal=Activity.MACHINE).values_list("contact", flat=True),
    }


def _row(
    pk: int,
    model: ScoreModel,
    score: Score,
    is_ours: bool,
    deal_value: float | None,
    given: Priority,
    old: ContactScore | None,
    today: date,
    now: datetime,
) -> ContactScore:
    stays = old is not None and old.priority == given.priority
    return ContactScore(
        contact_id=pk,
        model=model,
        score=score.score,
        told=score.score if is_ours else None,
        chance=round(score.chance, DIGITS) if score.chance is not None else None,
        deal_value=deal_value,
        band=score.band,
        reasons=[{"field": one.field, "value": one.value, "points": round(one.points, 2)} for one in score.telling()],
        priority=given.priority,
        priority_reason=given.reason,
        rank=round(given.rank, 3),
        prioritised_on=old.prioritised_on if old is not None and stays else today,
        at=now,
    )


def _is_ours(has: int, old: ContactScore | None) -> bool:
    """Whether a contact's field holds nothing, or still what was written there last."""
    return not has or (old is not None and has == old.told)


def _taken_over(team: Team) -> dict[int, set[int]]:
    """By contact what was written of those that were merged into it since the last time: it may have that from them."""
    rows = ContactScore.objects.filter(contact__team=team, contact__merged_into__isnull=False)
    found: dict[int, set[int]] = {}
    for survivor, told in rows.values_list("contact__merged_into", "told"):
        if survivor is not None and told is not None:
            found.setdefault(survivor, set()).add(told)
    return found


def _differs(old: ContactScore, new: ContactScore) -> bool:
    return any(getattr(old, name) != getattr(new, name) for name in TOLD)


def _keep(rows: Sequence[ContactScore], gone: Iterable[int]) -> None:
    """Puts the rows in place of those there are; nothing points to them."""
    doomed = [*gone, *(row.contact_id for row in rows)]
    for start in range(0, len(doomed), CHUNK):
        ContactScore.objects.filter(contact__in=doomed[start : start + CHUNK]).delete()
    for start in range(0, len(rows), CHUNK):
        insert_new(rows[start : start + CHUNK], returning=("contact_id",))


def _tell_contacts(scores: Iterable[tuple[int, int | None, int | None]]) -> None:
    """By contact what its field has, and gets; neither where that is somebody's own. Whoever sets it meanwhile wins.

    Past `save()`, which would make every score a change of the contact to be followed; 0 is told where there is none.
    """
    moved = [[told, pk, has] for pk, has, told in scores if has is not None and told is not None and has != told]
    if moved:
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE crm_contact SET lead_score = %s WHERE id = %s AND lead_score = %s", moved)


def _tell_tasks(team: Team, rows: Sequence[ContactScore]) -> int:
    """Open tasks whose priority follows the score get the one of now; begun ones stay as they are, and those of whose
    kind it is no longer wanted.
    """
    wanted = {row.contact_id: row.priority for row in rows}
    following = Task.objects.filter(team=team, status=Task.TODO, priority_source=Task.BY_SCORE)
    others = [
        (pk, contact_id, kind)
        for pk, contact_id, priority, kind in following.order_by("pk").values_list("pk", "contact", "priority", "kind")
        if wanted.get(contact_id, priority) != priority
    ]
    kinds = {kind for _, _, kind in others}
    left = {kind for ask in _left if kinds for kind in ask(team.pk, kinds)}
    changed = 0
    for pk, contact_id, kind in others:
        if kind not in left:
            mine = Task.objects.filter(pk=pk, status=Task.TODO, priority_source=Task.BY_SCORE)
            changed += mine.update(priority=wanted[contact_id], version=F("version") + 1)
    return changed
