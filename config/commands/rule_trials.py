"""Rules tried from the command line: dry run, backtest and explain, in words or as the API answers them. No writing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config import children
from config.commands.answers import AsJson, Refused, print_json, table

if TYPE_CHECKING:
    from automation.models import TaskAutomationRule
    from crm.models import Contact
    from people.models import Team

RuleId = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="`nextmove rule list` shows them.")]
SHOWN = 10
"""Samples of each outcome that are printed; JSON holds more."""


def find(rule_id: int) -> "TaskAutomationRule":
    """The rule with this id. Raises Refused."""
    from automation.models import TaskAutomationRule

    rows = TaskAutomationRule.objects.filter(archived_at__isnull=True).select_related("owner", "team")
    rule: TaskAutomationRule | None = rows.filter(pk=rule_id).first()
    if rule is None:
        raise Refused(f"There is no rule {rule_id}: `nextmove rule list` shows those there are.")
    return rule


@contextmanager
def sound() -> Iterator[None]:
    """A rule that cannot run is refused with what is wrong."""
    from automation.rules import BadRule

    try:
        yield
    except BadRule as bad:
        raise Refused(f"The rule cannot run. {bad}") from None


def dry_run(rule_id: RuleId, as_json: AsJson = False) -> None:
    """What a rule would do with the records as they stand. Writes nothing."""
    children.setup_django()
    from django.utils import timezone

    from automation.simulation import dry_run as trying
    from automation.simulation import telling

    rule = find(rule_id)
    with sound():
        told = telling.of_dry_run(trying.dry_run(rule, now=timezone.now()))
    if as_json:
        print_json(told)
        return
    _say_what(rule)
    cut_off = " It stopped there: there are more." if told["cut_off"] else ""
    typer.echo(f"Looked at {told['examined']} records and wrote nothing.{cut_off}")
    typer.echo(_counts(told, "would_create"))
    _say_reasons(told)
    _say_samples(told["samples"].get("create", []), "Would be made:")
    held = [one for name, kept in told["samples"].items() if name != "create" for one in kept]
    if held:
        typer.echo("\nWould not:")
        table(["contact", "why"], [(_subject(one), _why(one)) for one in held[: 2 * SHOWN]], "")


def backtest(
    rule_id: RuleId,
    start: Annotated[str, typer.Option("--from", help="The first day, as 2026-05-01, or an instant.")],
    end: Annotated[str, typer.Option("--to", help="The last day, included; or an instant, not included.")],
    as_json: AsJson = False,
) -> None:
    """What a rule would have done between two dates, by the ledger. Writes nothing."""
    children.setup_django()
    from automation.simulation import backtest as trying
    from automation.simulation import telling

    rule = find(rule_id)
    first, last = _instant(start, rule.team), _instant(end, rule.team, is_last=True)
    try:
        with sound():
            told = telling.of_backtest(rule, start=first, end=last)
    except trying.BadSpan as bad:
        raise typer.BadParameter(str(bad)) from None
    if as_json:
        print_json(told)
        return
    _say_what(rule)
    typer.echo(
        f"From {first:%Y-%m-%d %H:%M %Z} until {last:%Y-%m-%d %H:%M %Z}, its tasks done after "
        f"{told['done_after_hours']:.3g} h. Nothing was written."
    )
    typer.echo(f"{_counts(told, 'created')} It really made {told['really_created']}.")
    _say_reasons(told)
    _say_loads(told["by_day"])
    _say_samples(told["samples"], "The first of them:")


def explain(
    rule_id: RuleId,
    contact: Annotated[str, typer.Option(metavar="ID_OR_EMAIL", help="Whom to ask about.")],
    as_json: AsJson = False,
) -> None:
    """Why a rule did or did not fire for a contact: conditions with their values, and the newest events."""
    children.setup_django()
    from django.utils import timezone

    from automation.simulation import explain as asking
    from automation.simulation import telling

    rule = find(rule_id)
    person = _contact(rule, contact)
    with sound():
        told = telling.of_explanation(asking.explain(rule, person, now=timezone.now()))
    if as_json:
        print_json(told)
        return
    _say_what(rule)
    typer.echo(f"For {person.name} ({person.email or person.pk}): {told['sentence']}")
    if told["conditions"]:
        typer.echo("")
        rows = [(one["text"], _holds(one), _values(one)) for one in told["conditions"]]
        table(["condition", "holds", "values"], rows, "")
    if told["events"]:
        typer.echo("\nNewest events:")
        looks = [
            (one["event"], f"{one['occurred_at']:%Y-%m-%d %H:%M}", _came_of(one), one["reason"])
            for one in told["events"][: 2 * SHOWN]
        ]
        table(["event", "at (UTC)", "what came of it", "why"], looks, "")


def _say_what(rule: "TaskAutomationRule") -> None:
    from automation import rules

    state = "on" if rule.is_active else "off"
    typer.echo(f"Rule {rule.pk}, {rule.name} ({state}): {rules.sentence(rule)}.")


def _counts(told: dict[str, Any], made: str) -> str:
    words = {
        made: "to make" if made == "would_create" else "made",
        "suppressed": "held back",
        "no_match": "not matching",
        "failed": "failing",
        "waiting": "waiting",
        "out_of_scope": "of contacts that are not its owner's",
    }
    return ", ".join(f"{told[name]} {word}" for name, word in words.items() if told.get(name) or name == made) + "."


def _say_reasons(told: dict[str, Any]) -> None:
    for reason, count in sorted(told["reasons"].items(), key=lambda pair: (-pair[1], pair[0])):
        typer.echo(f"  {count} x {reason}")


def _say_samples(samples: list[dict[str, Any]], title: str) -> None:
    if samples:
        typer.echo(f"\n{title}")
        rows = [(_subject(one), one["title"], f"{one['due_date']:%Y-%m-%d %H:%M}") for one in samples[:SHOWN]]
        table(["contact", "task", "due (UTC)"], rows, "")


def _say_loads(days: list[dict[str, Any]]) -> None:
    """By owner; JSON holds every day."""
    owners = sorted({one["owner"] for one in days})
    rows = []
    for owner in owners:
        mine = [one for one in days if one["owner"] == owner]
        fullest = max(mine, key=lambda one: (one["hours"], one["on"]))
        full = f"{fullest['on']}: {fullest['hours']:g} h of {fullest['capacity_hours']:g} h"
        over = sum(one["hours"] > one["capacity_hours"] for one in mine)
        tasks, hours = sum(one["tasks"] for one in mine), sum(one["hours"] for one in mine)
        rows.append((owner, tasks, f"{hours:g}", full, over))
    if rows:
        typer.echo("\nIts load, by the days its tasks fall due (--json lists them all):")
        table(["owner", "tasks", "hours", "fullest day", "days over"], rows, "")


def _subject(one: dict[str, Any]) -> str:
    return one["contact"] or (f"task {one['task_id']}" if one["task_id"] else "nobody")


def _why(one: dict[str, Any]) -> str:
    clause = one["clause"]
    return f"{clause['text']} ({_values(clause)})" if clause else str(one["reason"])


def _values(clause: dict[str, Any]) -> str:
    told = ", ".join(f"{name} is {value!r}" for name, value in clause["values"].items())
    return clause["fault"] or told


def _holds(clause: dict[str, Any]) -> str:
    return {True: "yes", False: "no", None: "nobody can say"}[clause["holds"]]


def _came_of(look: dict[str, Any]) -> str:
    if not look["starts"]:
        return "does not start it"
    made = f", task {look['task_id']}" if look["task_id"] else ""
    return f"{look['outcome'] or 'nothing yet'}{made}".replace("_", " ")


def _contact(rule: "TaskAutomationRule", wanted: str) -> "Contact":
    from crm.models import Contact

    rows = Contact.objects.filter(team_id=rule.team_id).select_related("team", "owner", "merged_into")
    is_id = wanted.isascii() and wanted.isdigit() and len(wanted) < 19
    found = (rows.filter(pk=int(wanted)) if is_id else rows.filter(email__iexact=wanted.strip())).first()
    if found is None:
        raise Refused(f"There is no contact {wanted} in the rule's team: give its id or its e-mail address.")
    return found.merged_into or found  # one that was merged goes on as another


def _instant(text: str, team: "Team", *, is_last: bool = False) -> datetime:
    """A day begins at the team's midnight; the last one is included."""
    from domain import calendars

    zone = calendars.first_zone(team.timezone).zone
    try:
        if len(text) == len("2026-05-01"):
            day = date.fromisoformat(text) + timedelta(days=is_last)
            return calendars.from_wall(datetime.combine(day, datetime.min.time()), zone).astimezone(zone)
        instant = datetime.fromisoformat(text)
        return (calendars.from_wall(instant, zone) if instant.tzinfo is None else instant).astimezone(zone)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no date: write it as 2026-05-01.") from None
