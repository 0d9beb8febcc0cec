"""/api/task-automation/export and import: a team's rules, sequences and campaigns as one YAML file."""

from typing import Annotated, Any

import pydantic_core
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field, TypeAdapter, ValidationError

from api.auth import caller, scope
from api.errors import Problem, faults, invalid
from api.fields import In, Out
from automation.exchange import parsing, reading, writing

router = Router(tags=["task automation"])

YAML = "text/yaml"
YAML_TYPES = (YAML, "application/yaml", "application/x-yaml", "text/x-yaml")
EXAMPLE = """nextmove: 1
rules:
- name: Email open follow-up
  trigger_type: activity
  trigger_config:
    activity_types: [email_opened]
  task_title_template: Follow up with {{contact_name}}
  delay: {hours: 4}
"""


class ImportIn(In):
    document: str | dict[str, Any] = Field(description="The file's text, or the same as an object")
    dry_run: bool = Field(False, description="Writes nothing and answers the same")
    update: bool = Field(False, description="Changes what is there and differs; else it is only listed")


class ImportedOut(Out):
    kind: str = Field(description="rule, sequence or campaign")
    name: str
    owner: str
    path: str
    id: int | None = Field(description="null for what a dry run would make, and for a ready-made sequence")
    fields: list[str] = Field(description="Those that differ")


class RefusedItemOut(Out):
    path: str = Field(description="Where in the document, as a JSON pointer")
    line: int | None = Field(description="Of the text that was sent")
    message: str


class ReportOut(Out):
    dry_run: bool
    created: list[ImportedOut] = Field(description="They arrive switched off, whatever the file says")
    updated: list[ImportedOut]
    unchanged: list[ImportedOut]
    differing: list[ImportedOut] = Field(description="Left as they are: send update to change them")
    refused: list[RefusedItemOut]
    notes: list[str]


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            YAML: {"schema": {"type": "object"}, "example": EXAMPLE},
            "application/json": {
                "schema": TypeAdapter(ImportIn).json_schema(),
                "example": {"document": EXAMPLE, "dry_run": True},
            },
        },
    }
}
FILE = {
    "responses": {
        200: {"description": "The file", "content": {YAML: {"schema": {"type": "object"}, "example": EXAMPLE}}},
    }
}


@router.get("/api/task-automation/export", auth=scope("rules:read"), openapi_extra=FILE)
def export_automations(request: HttpRequest) -> HttpResponse:
    """All rules, sequences and campaigns of the team, by names instead of ids. The same rows give the same bytes."""
    text = writing.export(caller(request).team)
    return HttpResponse(
        text,
        content_type=f"{YAML}; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="nextmove.yaml"'},
    )


@router.post("/api/task-automation/import", auth=scope("rules:write"), response=ReportOut, openapi_extra=BODY)
def import_automations(
    request: HttpRequest,
    dry_run: Annotated[bool, Query(False, description="JSON may also say it in the body")],
    update: Annotated[bool, Query(False, description="JSON may also say it in the body")],
) -> dict[str, Any]:
    """Brings a file into your team. What is new arrives switched off; importing twice changes nothing more."""
    wanted = _sent(request, dry_run=dry_run, update=update)
    try:
        report = reading.bring_in(
            wanted.document, by=caller(request), now=timezone.now(), update=wanted.update, dry_run=wanted.dry_run
        )
    except parsing.TooLarge as large:
        raise Problem(413, str(large)) from None
    except parsing.BadDocument as bad:
        raise invalid("/document", "unreadable", str(bad)) from None
    return report.as_dict()


def _sent(request: HttpRequest, *, dry_run: bool, update: bool) -> ImportIn:
    if request.content_type in YAML_TYPES:
        # Bytes stay bytes, so that what is no UTF-8 is told as such.
        return ImportIn.model_construct(document=request.body, dry_run=dry_run, update=update)
    if request.content_type != "application/json":
        given = request.content_type or "none"
        raise Problem(415, f"The body is {given}: send YAML as Content-Type: {YAML}, or JSON with a document.")
    try:
        raw = pydantic_core.from_json(request.body, allow_inf_nan=False)
    except ValueError as failure:
        raise Problem(400, f"The body is not valid JSON: {failure}. Send one JSON document.") from None
    try:
        sent = ImportIn.model_validate(raw)
    except ValidationError as failure:
        found = [error | {"loc": ("body", "payload", *error["loc"])} for error in failure.errors()]
        raise Problem(422, "Nothing was imported: correct what is listed.", errors=faults(found)) from None
    return sent.model_copy(update={"dry_run": dry_run or sent.dry_run, "update": update or sent.update})
