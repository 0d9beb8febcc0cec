"""`nextmove rule export` and `import`: rules, sequences and campaigns of a team as one YAML file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config import children
from config.commands.answers import AsJson, Refused, print_json, user

if TYPE_CHECKING:
    from automation.exchange.reports import Entry, Report
    from people.models import Team, User


def export(
    output: Annotated[Path | None, typer.Option(help="Where to write it; printed when left out.")] = None,
    team: Annotated[str, typer.Option(help="Whose; needed where several teams have rules.")] = "",
    as_json: AsJson = False,
) -> None:
    """A team's rules, sequences and campaigns as YAML, by names instead of ids."""
    children.setup_django()
    from automation.exchange import writing

    text = writing.export(_team(team))
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as failure:
            raise Refused(f"{output} cannot be written ({failure.strerror}): choose another place.") from None
    if as_json:
        print_json({"document": text} if output is None else {"file": str(output), "bytes": len(text.encode())})
    elif output is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Written to {output}. `nextmove rule import {output}` reads it.")


def bring_in(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `rule export` wrote; - reads standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen and write nothing.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Change what is there and differs.")] = False,
    by: Annotated[str, typer.Option("--as", metavar="USER", help="With whose rights, into whose team.")] = "",
    as_json: AsJson = False,
) -> None:
    """Bring a file into a team. What is new arrives switched off; importing twice changes nothing more.

    Ends with 1 when something was refused, or differs and was left as it is.
    """
    text = _read(file)
    children.setup_django()
    from django.utils import timezone

    from automation.exchange import parsing, reading

    try:
        report = reading.bring_in(text, by=importer(by), now=timezone.now(), update=update, dry_run=dry_run)
    except parsing.BadDocument as bad:
        raise Refused(str(bad)) from None
    print_json(report.as_dict()) if as_json else _tell(report)
    raise typer.Exit(0 if report.in_force else 1)


def _tell(report: "Report") -> None:
    would = "would be " if report.dry_run else ""
    for word, entries in (("created", report.created), ("updated", report.updated), ("unchanged", report.unchanged)):
        for one in entries:
            fields = f" ({', '.join(one.fields)})" if one.fields else ""
            typer.echo(f"{'' if word == 'unchanged' else would}{word}: {_named(one)}{fields}")
    for one in report.differing:
        typer.echo(f"differs: {_named(one)} in {', '.join(one.fields)}")
    for refusal in report.refused:
        line = f"line {refusal.line}, " if refusal.line else ""
        typer.echo(f"refused: {line}{refusal.path}: {refusal.message}", err=True)
    lists = (report.created, report.updated, report.unchanged, report.differing)
    if not report.refused and not any(lists):
        typer.echo("The file holds nothing.")
    for note in report.notes:
        typer.echo(note)


def _named(one: "Entry") -> str:
    known = f" {one.id}" if one.id is not None else ""
    owner = f" of {one.owner}" if one.owner else ""
    return f"{one.kind}{known} “{one.name}”{owner}"


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as failure:
        raise Refused(f"{file} cannot be read ({failure.strerror}): give the file that `rule export` wrote.") from None


def importer(username: str) -> "User":
    from people.models import User

    if username:
        return user(username)
    found = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if found is None:
        raise Refused("There is no superuser to import as: say with whose rights, with --as USER.")
    return found


def _team(name: str) -> "Team":
    from people.models import Team

    rows = list(Team.objects.filter(name=name) if name else Team.objects.order_by("pk"))
    busy = rows if name else [team for team in rows if team.rules.exists()] or rows[:1]
    if len(busy) == 1:
        return busy[0]
    names = ", ".join(sorted({team.name for team in Team.objects.all()[:50]}))
    if not busy:
        raise Refused(f"There is no team {name!r}. There are: {names or 'none yet; run `nextmove serve`'}.")
    raise Refused(f"{len(busy)} teams may be meant: say which with --team. There are: {names}.")
