"""The command line, `nextmove`: serve, web, jobs, demo, doctor, token, job, rule, source, form, contact, task,
audit, mcp, backup, restore.

Exit codes: 0 it worked, 1 it did not, 2 it was asked wrongly or a setting cannot be used. `--json` prints one object
for programs. Modules are imported by the command that needs them, so that help needs no database and no settings.
"""

import os
import sys
import uuid
from datetime import datetime
from typing import Annotated, Any

import typer

from config import children
from config.commands import agents, audit, backups, files, inbound, rules
from config.commands.answers import AsJson, Refused
from config.commands.answers import complain as _complain
from config.commands.answers import print_json as _print_json
from config.commands.answers import table as _table
from config.commands.answers import user as _user

app = typer.Typer(
    help="Turns what happens with your contacts into the right task, for the right person, at the right time.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tokens = typer.Typer(help="Keys for programs.", no_args_is_help=True)
jobs_list = typer.Typer(help="Automated work: what waits, what was done, what was given up.", no_args_is_help=True)
contacts_list = typer.Typer(
    help="Contacts: bringing them in from files, making one of two, and erasing a person.", no_args_is_help=True
)
app.add_typer(tokens, name="token")
app.add_typer(jobs_list, name="job")
app.add_typer(rules.app, name="rule")
app.add_typer(inbound.sources, name="source")
app.add_typer(inbound.forms, name="form")
app.add_typer(contacts_list, name="contact")
app.add_typer(files.tasks, name="task")
app.add_typer(audit.app, name="audit")
contacts_list.command("import")(files.import_contacts)
app.command()(agents.mcp)
app.command()(backups.backup)
app.command()(backups.restore)


def main() -> None:
    """The `nextmove` program."""
    try:
        if "--json" in sys.argv:
            raise SystemExit(_answer_in_json())
        app(prog_name="nextmove")
    except Refused as refusal:
        _complain(str(refusal))
        raise SystemExit(1) from None
    except Exception as error:
        from django.db import DatabaseError

        if not isinstance(error, DatabaseError):
            raise
        _complain(f"The database cannot be used: {' '.join(str(error).split())}. `nextmove doctor` says more.")
        raise SystemExit(1) from None


def _answer_in_json() -> int:
    """The exit code; what was asked wrongly is answered as everything else is."""
    try:
        code = app(prog_name="nextmove", standalone_mode=False)
    except typer.TyperException as wrong:
        context = getattr(wrong, "ctx", None)
        command = context.command_path if context is not None else "nextmove"
        _complain(f"{wrong.format_message().rstrip('.')}: `{command} --help` says how to ask.")
        return wrong.exit_code
    return code if isinstance(code, int) else 0


def _log_json(as_json: bool) -> None:
    if as_json:
        os.environ["NEXTMOVE_LOG_FORMAT"] = "json"


@app.command()
def serve(as_json: AsJson = False) -> None:
    """Start everything: prepare the database, then web and jobs, looked after until Ctrl-C."""
    from config import supervisor

    raise typer.Exit(supervisor.serve(as_json=as_json))


@app.command()
def web(
    as_json: AsJson = False,
    prepare: Annotated[
        bool, typer.Option(help="First migrate, collect static files and make the first account.")
    ] = False,
) -> None:
    """Start the web server alone."""
    _log_json(as_json)
    children.setup_django()
    from django.conf import settings

    from config import preparing

    host, port = settings.ENV.host, settings.ENV.port or preparing.PORTS[0]
    try:
        if not preparing.free(host, port):
            raise preparing.CannotStart(
                f"Port {port} on {host} is taken. Stop what listens there or set NEXTMOVE_PORT to another one."
            )
        if prepare:
            preparing.migrate()
            preparing.collect_static()
            password = preparing.fill_empty()[1]
            if password:
                print(f"Sign in as admin with the password {password} (shown this once).", flush=True)
    except preparing.CannotStart as fault:
        _complain(str(fault))
        raise typer.Exit(2) from None
    children.web(host=host, port=port)


@app.command("jobs")
def run_jobs(as_json: AsJson = False) -> None:
    """Start the runner alone: it does what is due, without a broker."""
    _log_json(as_json)
    children.jobs()


@app.command()
def demo(as_json: AsJson = False) -> None:
    """Fill an empty database with a demo workspace."""
    children.setup_django()
    from django.utils import timezone

    from config import demo as workspace

    if not workspace.is_empty():
        raise Refused(
            "There are contacts or tasks already: the demo fills an empty database only (set NEXTMOVE_DATA_DIR)."
        )
    made = workspace.fill(now=timezone.now())
    _print_json(made) if as_json else print(f"A demo workspace with {made['contacts']} contacts is there.")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at everything an installation needs, and say what to do about what is wrong."""
    children.setup_django()
    from django.utils import timezone

    from config import examination

    findings = examination.examine(now=timezone.now())
    sound = all(finding.ok for finding in findings)
    if as_json:
        _print_json({"ok": sound, "findings": [vars(finding) for finding in findings]})
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'BAD '} {finding.name}: {finding.says}")
            if finding.mend:
                print(f"     {finding.mend}")
    raise typer.Exit(0 if sound else 1)


@tokens.command("create")
def create_token(
    username: Annotated[str, typer.Argument(metavar="USER", help="Whose rights the token has.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do, such as tasks:read; all when left out.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How long it lives.")] = 365,
    as_json: AsJson = False,
) -> None:
    """Make an API token; it is shown once."""
    children.setup_django()
    from django.utils import timezone

    from people import tokens as issuing

    user = _user(username)
    try:
        _, secret = issuing.issue(user, name=name, scopes=scope or [issuing.ALL], days=days, now=timezone.now())
    except ValueError as error:  # an unknown scope, or a length that is not allowed
        raise typer.BadParameter(str(error)) from None
    _print_json({"token": secret}) if as_json else print(secret)


@jobs_list.command("list")
def list_jobs(
    state: Annotated[str, typer.Option(help="pending, done, dead or revoked (cancelled); all when left out.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest jobs."""
    children.setup_django()
    from jobs.models import Job

    states = (Job.PENDING, Job.DONE, Job.DEAD, Job.REVOKED)
    if state and state not in states:
        raise typer.BadParameter(f"{state!r} is no state; there are {', '.join(states)}")
    rows = list((Job.objects.filter(state=state) if state else Job.objects.all()).order_by("-created_at")[:limit])
    if as_json:
        _print_json([_job_facts(job) for job in rows])
    else:
        cells = [
            (job.id, job.status, job.name.rsplit(".", 1)[-1], f"{job.run_at:%Y-%m-%d %H:%M}", job.error) for job in rows
        ]
        _table(["id", "status", "task", "due (UTC)", "error"], cells, "No jobs.")


def _job_facts(job: Any) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "name": job.name,
        "args": job.args,
        "status": job.status,
        "retries": job.retries,
        "error": job.error,
        "run_at": job.run_at.isoformat(),
        "created_at": job.created_at.isoformat(),
        "done_at": job.done_at.isoformat() if job.done_at else None,
    }


@jobs_list.command("cancel")
def cancel_job(job_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Keep a job that waits from running; `job retry` puts it back."""
    job, now = _job(job_id, "pending")
    from automation import cancelling

    if not cancelling.cancel(job, by=None, now=now):
        job.refresh_from_db()
        raise Refused(f"Job {job.pk} is {job.status}: only one that waits (PENDING, RETRY) can be cancelled.")
    _print_json({"id": str(job.pk), "status": job.status}) if as_json else print(
        f"Job {job.pk} does not run; `nextmove job retry {job.pk}` puts it back."
    )


@jobs_list.command("retry")
def retry_job(job_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Run a job again that was given up or cancelled."""
    job, now = _job(job_id, "dead")
    from automation import cancelling
    from jobs import queue

    if not (cancelling.put_back(job, by=None, now=now) or queue.retry(job, now=now)):
        raise Refused(
            f"Job {job.pk} is {job.status}: only one that was given up or cancelled (FAILURE) can be run again."
        )
    _print_json({"id": str(job.pk), "status": "PENDING"}) if as_json else print(f"Job {job.pk} runs again.")


def _job(job_id: str, state: str) -> tuple[Any, datetime]:
    """The job of this id, and now; `state` is that of those the command is for."""
    hint = f"`nextmove job list --state {state}` shows them"
    try:
        wanted = uuid.UUID(job_id)
    except ValueError:
        raise typer.BadParameter(f"{job_id!r} is no job id; {hint}") from None
    children.setup_django()
    from django.utils import timezone

    from jobs.models import Job

    job = Job.objects.filter(pk=wanted).first()
    if job is None:
        raise Refused(f"There is no job {wanted}: {hint}.")
    return job, timezone.now()


@contacts_list.command("merge")
def merge_contacts(
    survivor: Annotated[int, typer.Argument(metavar="ID", help="The contact that stays")],
    absorbed: Annotated[int, typer.Argument(metavar="OTHER", help="The contact that becomes part of it")],
    as_json: AsJson = False,
) -> None:
    """Make one contact of two; `contact unmerge` parts them again for 30 days."""
    children.setup_django()
    from django.utils import timezone

    from crm import merge

    try:
        row = merge.merge(_contact(survivor), _contact(absorbed), by=None, now=timezone.now())
    except merge.CannotMerge as refused:
        raise Refused(str(refused)) from None
    _print_json({"merge_id": row.pk}) if as_json else print(f"Done, as merge {row.pk}.")


@contacts_list.command("unmerge")
def unmerge_contacts(
    merge_id: Annotated[int, typer.Argument(metavar="MERGE", help="As printed when it was done")],
    as_json: AsJson = False,
) -> None:
    """Part two contacts that were merged."""
    children.setup_django()
    from django.utils import timezone

    from crm import merge
    from crm.models import ContactMerge

    row = ContactMerge.objects.filter(pk=merge_id).first()
    if row is None:
        raise Refused(f"There is no merge {merge_id}: give the number that `contact merge` printed.")
    try:
        parted = merge.unmerge(row, by=None, now=timezone.now())
    except merge.CannotPart as refused:
        raise Refused(str(refused)) from None
    _print_json({"contact_id": parted.pk}) if as_json else print(f"Contact {parted.pk} is itself again.")


@contacts_list.command("erase")
def erase_contact(
    contact_id: Annotated[int, typer.Argument(metavar="ID")],
    confirm: Annotated[str, typer.Option(help="The contact's name or e-mail address: this cannot be undone")],
    as_json: AsJson = False,
) -> None:
    """Wipe all that was written of a person, for good. Figures stay."""
    children.setup_django()
    from django.utils import timezone

    from crm import erase

    contact = _contact(contact_id)
    if confirm.strip().casefold() not in {contact.name.casefold(), contact.email.casefold()} - {""}:
        raise Refused("Give the contact's name or e-mail address as --confirm: erasing cannot be undone.")
    try:
        erase.erase(contact, by=None, now=timezone.now())
    except erase.CannotErase as refused:
        raise Refused(str(refused)) from None
    _print_json({"contact_id": contact.pk}) if as_json else print(f"It is “{contact.name}” now.")


def _contact(pk: int) -> Any:
    from crm.models import Contact

    contact = Contact.objects.filter(pk=pk).first()
    if contact is None:
        raise Refused(f"There is no contact {pk}: give the number in the address of its page, /contacts/NUMBER.")
    return contact


if __name__ == "__main__":
    main()
