"""/api/imports: contacts and tasks from CSV, XLSX and vCard files: uploaded, mapped, compared, carried out.

A token needs the scope of what it brings in beside that of files, as `contacts:write`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api import uploads
from api.auth import caller, need, need_scope, scope
from api.errors import Problem, conflict, invalid
from api.fields import UNSET, Id, In, Out, named, one
from api.paging import Cursor, Limit, Page, page
from crm.files import contact_matching, imports
from crm.files.models import Import
from domain.files.sheets import TooLarge, Unreadable
from people.models import User

router = Router(tags=["files"])

Kind = Literal["contacts", "tasks"]
Source = Annotated[str, StringConstraints(min_length=1, max_length=60)]
PATH = "/api/imports"


class ImportOptionsIn(In):
    update: bool = Field(UNSET, description="Changes what is there and differs; else it is only counted as differing")
    day_first: bool | None = Field(None, description="Whether 03/04/2026 is 3 April; unsaid, such a date is refused")
    owner_id: Id | None = Field(None, description="Whose new rows are that name nobody; yours when left out")
    source: Source = Field(UNSET, description="The system whose ids the external ids are")


class ImportChangeIn(ImportOptionsIn):
    mapping: dict[str, str | None] = Field(
        UNSET, max_length=200, description="Each column with its field; null or left out, a column is left out"
    )


class ImportColumnOut(Out):
    column: str
    field: str = Field(description="Empty: the column is left out")
    samples: list[str] = Field(description="Its first cells that are not empty")


class ImportFieldOut(Out):
    name: str
    label: str
    help: str


class ImportFaultOut(Out):
    line: int = Field(description="Where the row begins in the file")
    column: str = Field(description="Empty: the row as a whole")
    message: str


class ImportDifferenceOut(Out):
    line: int
    verdict: str = Field(description="created, updated, differing or refused")
    id: int | None
    name: str
    changes: dict[str, list[Any]] = Field(description="Each field as it is and as it would be")


class ImportCountsOut(Out):
    created: int
    updated: int
    unchanged: int
    differing: int = Field(description="They differ and are left: send update to change them")
    refused: int


class ImportLine(Out):
    id: UUID
    kind: str
    state: str = Field(description="reading, read, checking, checked, running, done, failed or cancelled")
    file_name: str
    format: str
    by_id: int
    rows: int
    done_rows: int = Field(description="Of the comparison or the run that is under way, or was the last")
    counts: ImportCountsOut
    error: str
    created_at: datetime
    finished_at: datetime | None


class ImportOut(ImportLine):
    encoding: str
    delimiter: str
    columns: list[ImportColumnOut]
    fields: list[ImportFieldOut] = Field(description="What a column may be")
    options: dict[str, Any]
    faults: list[ImportFaultOut] = Field(description="The first 200; refused counts all rows")
    difference: list[ImportDifferenceOut] = Field(
        description="The first 200 rows of a comparison that are not unchanged"
    )
    checked_at: datetime | None
    started_at: datetime | None


@router.get(PATH, auth=scope("files:read"), response=Page[ImportLine])
def list_imports(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """Your imports, newest first; managers see their team's."""
    rows = Import.objects.visible_to(caller(request)).defer("content", "difference", "faults")
    return page(request, rows, limit=limit, cursor=cursor, shown=_lines, order=("-created_at", "-id"))


@router.post(PATH, auth=scope("files:write"), response={201: ImportOut}, openapi_extra=uploads.BODY)
def upload_import(
    request: HttpRequest,
    kind: Annotated[Kind, Query("contacts")],
    file_name: Annotated[str, Query("", max_length=200)],
    update: Annotated[bool, Query(False, description="Change what is there and differs")],
    day_first: Annotated[bool | None, Query(None, description="Whether 03/04/2026 is 3 April")],
    owner_id: Annotated[Id | None, Query(None, description="Whose new rows are that name nobody")],
    source: Annotated[Source | None, Query(None, description="The system whose ids the external ids are")],
    encoding: Annotated[str, Query("", max_length=20, description="Found out when left out")],
    delimiter: Annotated[str, Query("", max_length=10, description="Found out when left out")],
) -> Status[ImportOut]:
    """Uploads a CSV, XLSX or vCard file and says which column was recognised as which field. Nothing is changed yet."""
    user = caller(request)
    need_scope(request, f"{kind}:write")
    data, name = uploads.file_of(request)
    said = {"update": update, "day_first": day_first, "owner_id": owner_id, "source": source}
    options = _options({key: value for key, value in said.items() if value is not None}, user)
    with _refusals("/file"):
        row = imports.upload(
            data,
            by=user,
            kind=kind,
            now=timezone.now(),
            file_name=file_name or name,
            options=options,
            encoding=encoding,
            delimiter=delimiter,
        )
    return Status(201, _shown(row))


@router.get(PATH + "/{uuid:id}", auth=scope("files:read"), response=ImportOut)
def get_import(request: HttpRequest, id: UUID) -> ImportOut:
    """One import: how far it is, what was recognised, counted and refused."""
    return _shown(_mine(request, id, "read"))


@router.put(PATH + "/{uuid:id}/mapping", auth=scope("files:write"), response=ImportOut)
def map_import(request: HttpRequest, id: UUID, payload: ImportChangeIn) -> ImportOut:
    """Says which column is which field, and the options. What was compared before is void."""
    row = _mine(request, id, "write")
    sent = payload.model_dump(exclude_unset=True)
    mapping = sent.pop("mapping", None)
    with _refusals("/mapping"):
        return _shown(imports.change(row, mapping=mapping, options=_options(sent, caller(request))))


@router.post(PATH + "/{uuid:id}/check", auth=scope("files:write"), response=ImportOut)
def check_import(request: HttpRequest, id: UUID) -> ImportOut:
    """Compares every row with what is there and writes nothing. Over 2,000 rows it goes on in the background."""
    row = _mine(request, id, "write")
    with _refusals("/mapping"):
        return _shown(imports.check(row, now=timezone.now()))


@router.post(PATH + "/{uuid:id}/run", auth=scope("files:write"), response={202: ImportOut})
def run_import(request: HttpRequest, id: UUID) -> Status[ImportOut]:
    """Carries it out in the background. Asked again it changes nothing; one that failed goes on where it stopped."""
    row = _mine(request, id, "write")
    with _refusals("/mapping"):
        return Status(202, _shown(imports.run(row, now=timezone.now())))


@router.post(PATH + "/{uuid:id}/cancel", auth=scope("files:write"), response=ImportOut)
def cancel_import(request: HttpRequest, id: UUID) -> ImportOut:
    """Ends it where it is. What was carried out stays."""
    row = _mine(request, id, "write")
    with _refusals(""):
        return _shown(imports.cancel(row, now=timezone.now()))


@contextmanager
def _refusals(pointer: str) -> Iterator[None]:
    try:
        yield
    except TooLarge as large:
        raise Problem(413, str(large)) from None
    except Unreadable as bad:
        raise invalid(pointer, "unreadable", str(bad)) from None
    except imports.WrongState as wrong:
        raise conflict(str(wrong), pointer="", code="state") from None


def _mine(request: HttpRequest, id: UUID, verb: str) -> Import:
    """With the scope of what it brings in, which its cells and differences tell of."""
    rows = Import.objects.visible_to(caller(request)).select_related("by__team").defer("content")
    row = one(rows, id, "import")
    need_scope(request, f"{row.kind}:{verb}")
    return row


def _options(said: dict[str, Any], user: User) -> dict[str, Any]:
    if said.get("owner_id") is not None and said["owner_id"] != user.pk:
        need(user, "manage_team", "import rows for another owner")
        named(User.objects.visible_to(user).active(), said["owner_id"], "/owner_id", "user")
    if said.get("source") in contact_matching.NO_SYSTEMS:
        raise invalid("/source", "own", f"{said['source']!r} is no other system: give it another name.")
    if "\0" in said.get("source", ""):
        raise invalid("/source", "nul", "A NUL character cannot be kept: leave it out.")
    return said


def _lines(rows: Sequence[Import]) -> list[ImportLine]:
    return [ImportLine.model_validate(row) for row in rows]


def _shown(row: Import) -> ImportOut:
    fields = imports.importer_of(row.kind).fields
    samples = imports.samples(row)
    return ImportOut.model_validate(
        ImportLine.model_validate(row).model_dump()
        | {
            "encoding": row.encoding,
            "delimiter": row.delimiter,
            "columns": [
                {"column": column, "field": row.mapping.get(column, ""), "samples": samples.get(column, [])}
                for column in row.columns
            ],
            "fields": [vars(field) for field in fields],
            "options": row.options,
            "faults": row.faults,
            "difference": row.difference,
            "checked_at": row.checked_at,
            "started_at": row.started_at,
        }
    )
