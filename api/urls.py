"""The API put together: one NinjaAPI at the root, whose routers carry their full paths."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pydantic_core
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from api import (
    activities,
    assignments,
    audit,
    automation,
    calendars,
    campaigns,
    channels,
    comments,
    conditions,
    contact_life,
    contacts,
    enrolments,
    errors,
    estimates,
    exchange,
    experiments,
    exports,
    hooks,
    hours,
    idempotency,
    imports,
    inbound,
    jobs,
    learning,
    notifications,
    openapi,
    people,
    performance,
    reports,
    rule_trials,
    rules,
    scheduling,
    sequences,
    tasks,
    teams,
    tokens,
    webhooks,
    workload,
)
from api.auth import scope
from api.errors import Fault, Problem
from work import lifecycle

View = Callable[..., HttpResponse]


class JsonParser(Parser):
    """Strict JSON: no NaN, no lone surrogates, no NUL, which no text column could hold."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            given = request.content_type or "none"
            raise Problem(415, f"The body must be JSON, not {given}: send the header Content-Type: application/json.")
        document = pydantic_core.from_json(request.body, allow_inf_nan=False)
        if b"\\u0000" in request.body or b"\0" in request.body:
            raise ValueError("it holds a NUL character, which cannot be kept")
        return document

    def parse_querydict(self, data: MultiValueDict, list_fields: list[str], request: HttpRequest) -> Any:
        for name, value in data.items():
            if isinstance(value, str) and "\0" in value:
                raise errors.invalid(f"/{name}", "nul", "A NUL character cannot be searched for: leave it out.")
        return super().parse_querydict(data, list_fields, request)


class JsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:  # noqa: ARG002 (ninja's)
        return pydantic_core.to_json(data, inf_nan_mode="null")

    charset = "utf-8"


class Api(NinjaAPI):
    """ninja at the root of the site, without its own root page, answering problems for wrong methods too."""

    _document: OpenAPISchema | None = None

    def get_root_path(self, path_params: dict[str, Any]) -> str:  # noqa: ARG002 (ninja's)
        return "/"

    def get_content_type(self) -> str:
        return "application/json"

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:  # noqa: ARG002 (ninja's)
        if self._document is None:
            document = super().get_openapi_schema(path_prefix="")
            self._document = openapi.complete(document, dict(self.operations()))
        return self._document

    def operations(self) -> list[tuple[tuple[str, str], Operation]]:
        """Every operation by method and path as the document prints it."""
        found = []
        for router in self._get_bound_routers():
            for path, view in router.path_operations.items():
                printed = path.replace("{int:", "{").replace("{uuid:", "{").replace("{uuidstr:", "{")
                found += [((method, printed), op) for op in view.operations for method in op.methods]
        return found

    def _get_urls(self) -> list[Any]:
        """Each path once (ninja lists it for every method), and not the root, which is a page's."""
        unique: dict[str, Any] = {}
        pattern: Any
        for pattern in super()._get_urls()[:-1]:
            if str(pattern.pattern) not in unique:
                pattern.callback = _refuse_method(pattern.callback)
                unique[str(pattern.pattern)] = pattern
        return list(unique.values())


def _refuse_method(view: View) -> View:
    """Turns ninja's plain 405 into a problem."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        allowed = ", ".join(sorted(response["Allow"].split(", ")))
        detail = f"{request.method} is not possible here: use {allowed}."
        return errors.respond(request, Problem(405, detail, headers={"Allow": allowed}))

    return answer


def _domain_problem(status: int, pointer: str, request: HttpRequest, error: Exception) -> HttpResponse:
    faults = [Fault(pointer, "invalid", str(error))] if pointer else []
    return errors.respond(request, Problem(status, str(error), errors=faults))


def _not_allowed(request: HttpRequest, error: Exception) -> HttpResponse:
    return errors.respond(request, Problem(403, f"{error} For other people's tasks you need the right manage_team."))


HANDLERS: dict[type[Exception], Any] = {
    Exception: errors.handle,
    errors.HttpError: errors.handle,
    errors.ValidationError: errors.handle,
    errors.Http404: errors.handle,
    lifecycle.NotAllowed: _not_allowed,
    lifecycle.Excluded: partial(_domain_problem, 409, ""),
    lifecycle.NotOpen: partial(_domain_problem, 409, ""),
    lifecycle.NotDone: partial(_domain_problem, 409, ""),
    lifecycle.Changed: partial(_domain_problem, 409, ""),
    lifecycle.UnknownStatus: partial(_domain_problem, 422, "/status"),
    lifecycle.UnknownOutcome: partial(_domain_problem, 422, "/outcome"),
}


def build() -> Api:
    api = Api(
        title="Nextmove",
        version="1",
        description=openapi.DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url="/api/docs",
        # Swagger's own pages style themselves inline.
        docs_decorator=csp_update({"style-src": ["'unsafe-inline'"]}),
        auth=scope(""),
        renderer=JsonRenderer(),
        parser=JsonParser(),
        urls_namespace="api",
    )
    for known, handler in HANDLERS.items():
        api.add_exception_handler(known, handler)
    api.add_decorator(idempotency.once, mode="view")
    # The busiest paths first: Django tries them in order.
    busiest = (automation, activities, hooks, tasks, contacts)
    for module in (
        *busiest,
        comments,
        contact_life,
        imports,
        exports,
        inbound,
        rules,
        rule_trials,
        conditions,
        exchange,
        scheduling,
        sequences,
        campaigns,
        enrolments,
        jobs,
        learning,
        estimates,
        experiments,
        performance,
        reports,
        workload,
        assignments,
        notifications,
        channels,
        people,
        teams,
        hours,
        calendars,
        tokens,
        webhooks,
        audit,
    ):
        api.add_router("", module.router)
    return api


api = build()
