"""`nextmove audit list`: who changed what, before and after."""

import json
from typing import Annotated, Any

import typer

from config import children
from config.commands.answers import AsJson, print_json, table

app = typer.Typer(help="Who changed what.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `list` a word of its own while it is the only command."""


@app.command("list")
def list_changes(
    kind: Annotated[str, typer.Option(help="rule, task, member, token and such; all when left out.")] = "",
    subject: Annotated[str, typer.Option(metavar="ID", help="Of the rule, the task and so on.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest changes of all teams."""
    children.setup_django()
    from people.models import Change

    wanted = {name: value for name, value in (("kind", kind), ("subject_id", subject)) if value}
    rows = list(Change.objects.filter(**wanted).select_related("actor").order_by("-pk")[:limit])
    if as_json:
        print_json([_facts(row) for row in rows])
        return
    cells = [
        (f"{row.at:%Y-%m-%d %H:%M}", row.actor or "", f"{row.kind} {row.subject_id}", row.subject, row.verb, _told(row))
        for row in rows
    ]
    table(
        ["at (UTC)", "who", "what", "name", "", "from, to"],
        cells,
        "Nothing was changed, or nothing of that kind: leave --kind out to see which there are.",
    )


def _facts(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "at": row.at.isoformat(),
        "team_id": row.team_id,
        "actor": row.actor.username if row.actor else None,
        "kind": row.kind,
        "subject_id": row.subject_id,
        "subject": row.subject,
        "verb": row.verb,
        "before": row.before,
        "after": row.after,
    }


def _told(row: Any) -> str:
    names = {**row.before, **row.after}
    return "; ".join(f"{name}: {_short(row.before, name)} → {_short(row.after, name)}" for name in names)


def _short(facts: dict[str, Any], name: str) -> str:
    text = json.dumps(facts.get(name), ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
