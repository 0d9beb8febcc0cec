"""`nextmove backup` and `nextmove restore`: an installation as one file, and back."""

from pathlib import Path
from typing import Annotated

import typer

from config import children
from config.commands.answers import AsJson, Refused, print_json


def backup(
    target: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to; else a name with the time, in the data folder")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the whole installation into one file. Nextmove may go on running."""
    children.setup_django()
    from django.conf import settings
    from django.utils import timezone

    from config import backups

    now = timezone.now()
    path = target or settings.DATA_DIR / "backups" / f"nextmove-{now:%Y%m%dT%H%M%SZ}.zip"
    try:
        backups.back_up(path, now=now)
    except backups.CannotBackUp as fault:
        raise Refused(str(fault)) from None
    print_json({"file": str(path)}) if as_json else typer.echo(f"{path} holds it all. Keep it as you keep passwords.")


def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `nextmove backup`")],
    replace: Annotated[bool, typer.Option("--replace", help="Give up what is in the database now")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of the database. Stop Nextmove first."""
    children.setup_django()
    from config import backups

    try:
        about = backups.restore(source, replace=replace)
    except backups.CannotRestore as fault:
        raise Refused(str(fault)) from None
    told = {"made_at": about["made_at"], "notes": about["migrated"]}
    print_json(told) if as_json else typer.echo(f"Restored what was there at {about['made_at']}. Start Nextmove again.")
