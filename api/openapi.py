"""What ninja's OpenAPI document lacks: the problems each operation answers, the scopes it needs, Idempotency-Key."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from ninja.openapi.schema import OpenAPISchema
from pydantic import TypeAdapter

from api.activities import ActivityIn
from api.auth import Bearer
from api.errors import PROBLEM_TYPE, ProblemOut
from api.idempotency import HEADER, MAX_LENGTH

REFS = "#/components/schemas/{model}"
JSON = "application/json"

DESCRIPTION = """Everything Nextmove does, over HTTP.

Sign in with `Authorization: Bearer <token>` (make one under `/api/tokens` or with `nextmove token create`), or with the
session of a signed-in browser. Refusals are problem documents (RFC 9457) that say what to do next. Lists take `limit`
and `cursor` and answer `next` and `previous`, ready to be asked for. Every POST takes an `Idempotency-Key`: the same
request again gets the first answer again. Paths answer with and without their trailing slash.
"""

IDEMPOTENCY_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH},
    "description": "The same key with the same request gets the first answer again, for 24 hours",
}


def complete(document: OpenAPISchema, operations: dict[tuple[str, str], Any]) -> OpenAPISchema:
    """Adds to the document; `operations` are ninja's own, by method and path."""
    components = document["components"]
    adapters = [(ProblemOut, "serialization"), (ActivityIn, "validation")]
    for model, mode in adapters:
        schema = TypeAdapter(model).json_schema(ref_template=REFS, mode=mode)  # type: ignore[arg-type]
        components["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}
    components["responses"] = {_name(status): _problem(status) for status in ANSWERED}
    components["parameters"] = {"IdempotencyKey": IDEMPOTENCY_KEY}
    for path, methods in document["paths"].items():
        for method, details in methods.items():
            operation = operations[method.upper(), path]
            _complete_one(details, method, operation)
    return document


MAY_MISS = {"responses": {404: {"$ref": "#/components/responses/NotFound"}}}
"""Of an endpoint whose path names no row, and which may find that there is none all the same."""
ANSWERED = (400, 401, 403, 404, 409, 412, 413, 415, 422, 429)


def _complete_one(details: dict[str, Any], method: str, operation: Any) -> None:
    for status in _statuses(details, method, operation):
        details["responses"].setdefault(status, {"$ref": f"#/components/responses/{_name(status)}"})
    scope = next((auth.scope for auth in operation.auth_callbacks if isinstance(auth, Bearer)), "")
    for scheme in details.get("security", []):
        if "Bearer" in scheme and scope:
            scheme["Bearer"] = [scope]
    if method == "post" and operation.auth_callbacks:
        details["parameters"].append({"$ref": "#/components/parameters/IdempotencyKey"})


def _statuses(details: dict[str, Any], method: str, operation: Any) -> Iterator[int]:
    """What may be answered, beside what the endpoint says itself."""
    has_body = "requestBody" in details
    if operation.auth_callbacks:
        yield from (401, 403, 429)
    else:
        yield from (400, 413, 429)
    if "{" in operation.path or operation.path.startswith("/api/me/"):  # what everybody has at most one of
        yield 404
    if has_body:
        yield from (400, 413, 415)
    if has_body or details["parameters"] or method == "post":
        yield 422
    if method in ("post", "put", "patch", "delete"):
        yield 409
    if any(parameter.get("name") == "If-Match" for parameter in details["parameters"]):
        yield 412


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(status).name.split("_"))


def _problem(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": REFS.format(model="ProblemOut")}}},
    }
    if status == 429:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return answer
