"""Every refusal is a problem document (RFC 9457) that says what to do next; a traceback never leaves the house."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pydantic_core
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views import defaults
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel, Field

log = logging.getLogger("nextmove.api")

PROBLEM_TYPE = "application/problem+json"
PATHS = ("/api/", "/automation/", "/hooks/", "/mcp")
SLUGS = {
    400: "malformed",
    401: "sign-in-needed",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    411: "no-length",
    412: "changed-meanwhile",
    413: "too-large",
    415: "not-json",
    422: "invalid",
    429: "too-many-requests",
    500: "internal-error",
    501: "not-installed",
}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the request. `pointer` leads into the body, or names the parameter as `/limit`."""

    pointer: str
    code: str
    message: str


class Problem(Exception):
    """Raise it anywhere below an endpoint to answer with this problem."""

    def __init__(
        self, status: int, detail: str, *, errors: Iterable[Fault] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.errors, self.headers = list(errors), headers or {}


class FaultOut(BaseModel):
    pointer: str = Field(description="Where in the body, as a JSON pointer; or /name of a parameter")
    code: str
    message: str


class ProblemOut(BaseModel):
    """What every refusal looks like (RFC 9457)."""

    type: str = Field(examples=["/problems/not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="What is wrong and what to do next")
    instance: str = Field(description="The path that was asked for")
    request_id: str = Field(description="Name it when you ask for help: log lines carry it")
    errors: list[FaultOut] = []


def not_found(what: str, key: Any) -> Problem:
    return Problem(404, f"There is no {what} {key} that you may see. Look in the list of what is there.")


def forbidden(right: str, to_do: str) -> Problem:
    return Problem(403, f"You need the right {right} to {to_do}. Ask a manager of your team.")


def invalid(pointer: str, code: str, message: str) -> Problem:
    return Problem(422, message, errors=[Fault(pointer, code, message)])


def conflict(message: str, *, pointer: str = "", code: str = "taken") -> Problem:
    return Problem(409, message, errors=[Fault(pointer, code, message)] if pointer else ())


def by_field(errors: dict[str, list[str]], *, code: str = "invalid") -> Problem:
    """The problem for messages that a domain check or a model sorted by field."""
    faults = [
        Fault("" if field == "__all__" else f"/{field}", code, message)
        for field, messages in errors.items()
        for message in messages
    ]
    return Problem(422, "Nothing was changed: correct what is listed under errors and send it again.", errors=faults)


@contextmanager
def pointing_to(field: str) -> Iterator[None]:
    """Answers what the domain refuses within with a 422 that points at this field."""
    try:
        yield
    except DjangoValidationError as refused:
        raise by_field({field: refused.messages}) from None


def _hear_out(request: HttpRequest) -> None:
    """Reads what is left of a body that is too large, up to 32 MiB: many clients whose sending is cut off never look
    at the answer.
    """
    with suppress(UnreadablePostError):
        for _ in range(512):
            if not request.read(64 * 1024):
                break


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        _hear_out(request)
    document = {
        "type": f"/problems/{SLUGS.get(problem.status, 'error')}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
        "request_id": getattr(request, "request_id", ""),
        "errors": [vars(fault) for fault in problem.errors],
    }
    # Paths may hold anything; lone surrogates would not be JSON.
    body = pydantic_core.to_json(document, inf_nan_mode="null", serialize_unknown=True)
    return HttpResponse(body, status=problem.status, content_type=PROBLEM_TYPE, headers=problem.headers)


def _pointer(location: Iterable[Any]) -> str:
    """A JSON pointer to the field; the first two parts name the source and the argument when it is the body."""
    parts = list(location)
    parts = parts[2:] if parts[:1] == ["body"] else parts[1:]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def faults(errors: Iterable[Any], *, root: str = "") -> list[Fault]:
    """Pydantic's errors, told to people. `root` is where the errors' own locations start."""
    return [Fault(root + _pointer(error["loc"]), error["type"], _message(error)) for error in errors]


def _message(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "There is no such field here. /api/docs lists those there are."
    return str(error["msg"]).removeprefix("Value error, ")


def on_validation(error: ValidationError) -> Problem:
    if any(fault["loc"][0] == "path" for fault in error.errors):
        return Problem(404, "There is nothing under this path. Look in the list of what is there.")
    return Problem(
        422,
        "Nothing was changed: correct what is listed under errors and send it again.",
        errors=faults(error.errors),
    )


def on_http_error(error: HttpError) -> Problem:
    """ninja's own refusals: an unreadable body carries its cause, the rest a status and a word."""
    if isinstance(error.__cause__, Problem):
        return error.__cause__
    if error.status_code == 400:
        return Problem(400, f"The body is not valid JSON: {error.__cause__ or error}. Send one JSON document.")
    return Problem(error.status_code, str(error))


def as_problem(error: Exception) -> Problem | None:
    """The problem for anything Django, ninja or the domain raises; None for what nobody foresaw."""
    match error:
        case Problem():
            return error
        case ValidationError():
            return on_validation(error)
        case HttpError():
            return on_http_error(error)
        case Http404():
            return Problem(404, "There is nothing under this path. /api/docs lists what there is.")
        case RequestDataTooBig():
            return Problem(413, "The body is over the limit of 2 MiB. Send it in smaller parts.")
        case PermissionDenied():
            return Problem(403, str(error) or "You may not do this. Ask a manager of your team.")
        case DjangoValidationError():
            has_fields = hasattr(error, "error_dict")
            return by_field(error.message_dict if has_fields else {"__all__": error.messages})
        case BadRequest():
            return Problem(400, str(error))
        case SuspiciousOperation() | UnreadablePostError() | MultiPartParserError():
            return Problem(400, "The request could not be read. Send it again as JSON.")
    return None


def handle(request: HttpRequest, error: Exception) -> HttpResponse:
    """The last word on any exception below an endpoint."""
    problem = as_problem(error)
    if problem is None:
        log.error("request failed: %s %s", request.method, request.path, exc_info=error)
        problem = Problem(500, "Something went wrong on our side; it is logged under request_id. Try again later.")
    return respond(request, problem)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith(PATHS):
        return defaults.bad_request(request, exception)
    return respond(request, as_problem(exception) or Problem(400, "The request could not be read. Send it again."))


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith(PATHS):
        return defaults.permission_denied(request, exception)
    return respond(request, Problem(403, str(exception) or "You may not do this. Ask a manager of your team."))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith(PATHS):
        return defaults.page_not_found(request, exception)
    return respond(request, Problem(404, "There is nothing under this path. /api/docs lists what there is."))


def handler500(request: HttpRequest) -> HttpResponse:
    if not request.path.startswith(PATHS):
        return defaults.server_error(request)
    return respond(request, Problem(500, "Something went wrong on our side; it is logged under request_id."))
