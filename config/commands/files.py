"""`nextmove contact import` and `nextmove task import`: rows of a CSV, XLSX or vCard file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config import children
from config.commands.answers import AsJson, Refused, print_json, user
from config.commands.answers import table as print_table

if TYPE_CHECKING:
    from crm.files.models import Import

tasks = typer.Typer(help="Tasks: bringing them in from files.", no_args_is_help=True)

File = Annotated[str, typer.Argument(metavar="FILE", help="CSV, XLSX or vCard; - reads standard input.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen and write nothing.")]
Update = Annotated[bool, typer.Option("--update", help="Change what is there and differs.")]
Owner = Annotated[str, typer.Option(metavar="USER", help="Whose new rows are that name nobody.")]
As = Annotated[str, typer.Option("--as", metavar="USER", help="With whose rights, into whose team.")]
Columns = Annotated[list[str] | None, typer.Option("--column", help='What a column is, as "Mail 2=email".')]
DayFirst = Annotated[
    bool | None, typer.Option("--day-first/--month-first", help="What 03/04/2026 is; unsaid, it is refused.")
]
Encoding = Annotated[str, typer.Option(metavar="NAME", help="As utf-8 or cp1252; found out when left out.")]
Delimiter = Annotated[str, typer.Option(metavar="NAME", help="comma, semicolon, tab or bar; found out when left out.")]


def import_contacts(
    file: File,
    dry_run: DryRun = False,
    update: Update = False,
    owner: Owner = "",
    by: As = "",
    column: Columns = None,
    day_first: DayFirst = None,
    encoding: Encoding = "",
    delimiter: Delimiter = "",
    as_json: AsJson = False,
) -> None:
    """Bring contacts in from a file. Doing it twice changes nothing more. Ends with 1 when a row was refused."""
    asked = {"update": update, "day_first": day_first}
    _bring_in(
        "contacts",
        file,
        dry_run,
        owner,
        by,
        column or [],
        asked,
        {"encoding": encoding, "delimiter": delimiter},
        as_json,
    )


@tasks.command("import")
def import_tasks(
    file: File,
    dry_run: DryRun = False,
    update: Update = False,
    owner: Owner = "",
    by: As = "",
    column: Columns = None,
    day_first: DayFirst = None,
    encoding: Encoding = "",
    delimiter: Delimiter = "",
    as_json: AsJson = False,
) -> None:
    """Bring tasks in from a file. Doing it twice changes nothing more. Ends with 1 when a row was refused."""
    asked = {"update": update, "day_first": day_first}
    _bring_in(
        "tasks", file, dry_run, owner, by, column or [], asked, {"encoding": encoding, "delimiter": delimiter}, as_json
    )


def _bring_in(
    kind: str,
    file: str,
    dry_run: bool,
    owner: str,
    by: str,
    columns: list[str],
    options: dict[str, Any],
    form: dict[str, str],
    as_json: bool,
) -> None:
    data = _read(file)
    children.setup_django()
    from django.utils import timezone

    from config.commands.rule_files import importer as importer_named
    from crm.files import imports
    from crm.files.models import Import
    from domain.files.sheets import TooLarge, Unreadable

    if owner:
        options["owner_id"] = user(owner).pk
    importer = importer_named(by)
    try:
        now = timezone.now()
        row = imports.upload(data, by=importer, kind=kind, now=now, file_name=Path(file).name, options=options, **form)
        if row.state == Import.READING:
            imports.read(row.pk)
            row = Import.objects.get(pk=row.pk)
        if columns:
            said = dict(pair.rpartition("=")[::2] for pair in columns)
            row = imports.change(row, mapping=row.mapping | said, options={})
        row = _compared(row) if dry_run else _carried_out(row)
    except (Unreadable, TooLarge, imports.WrongState) as refusal:
        raise Refused(str(refusal)) from None
    if row.error:
        raise Refused(row.error)
    facts = _facts(row)
    if dry_run:
        imports.cancel(row, now=timezone.now())
    print_json(facts) if as_json else _tell(facts, dry_run=dry_run)
    raise typer.Exit(1 if row.counts["refused"] else 0)


def _compared(row: "Import") -> "Import":
    from django.utils import timezone

    from crm.files import imports
    from crm.files.models import Import

    row = imports.check(row, now=timezone.now())
    return imports.compare(row.pk, row.round, now=timezone.now()) if row.state == Import.CHECKING else row


def _carried_out(row: "Import") -> "Import":
    """Part by part, here; a runner beside may do some of them, and each is done once."""
    from django.utils import timezone

    from crm.files import imports
    from crm.files.models import Import

    row = imports.run(row, now=timezone.now())
    while row.state == Import.RUNNING:
        imports.carry_on(row.pk, row.next_part, now=timezone.now())
        row = Import.objects.get(pk=row.pk)
    return row


def _facts(row: "Import") -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "state": row.state,
        "format": row.format,
        "encoding": row.encoding,
        "rows": row.rows,
        "mapping": row.mapping,
        **row.counts,
        "difference": row.difference,
        "faults": row.faults,
    }


def _tell(facts: dict[str, Any], *, dry_run: bool) -> None:
    left = [column for column, name in facts["mapping"].items() if not name]
    if left:
        typer.echo(f"Left out: {', '.join(left)}. --column says what a column is.")
    would = "would be " if dry_run else ""
    verdicts = ("created", "updated", "unchanged", "differing", "refused")
    typer.echo(", ".join(f"{facts[word]} {would}{word}" for word in verdicts if facts[word]) or "The file has no rows.")
    if facts["differing"]:
        typer.echo("What differs was left as it is: --update changes it.")
    if facts["faults"]:
        rows = [(fault["line"], fault["column"], fault["message"]) for fault in facts["faults"]]
        print_table(["line", "column", "what to do"], rows, "")


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as failure:
        raise Refused(f"{file} cannot be read ({failure.strerror}): give a CSV, XLSX or vCard file.") from None
