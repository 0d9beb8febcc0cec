"""/hooks: what mail providers, services that carry messages to phones, and forms on other sites post. The secret in the
address is what they prove themselves with; who signs requests is held to it: mail providers as soon as their source has
the key, the others always."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydantic_core
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import escape
from ninja import Router
from ninja.responses import Status

from api import limits
from api.activities import RecordedOut, outcome
from api.auth import address
from api.errors import PROBLEM_TYPE, Fault, Problem, invalid
from api.fields import Out
from api.idempotency import HEADER, MAX_LENGTH
from crm import forms, providers
from crm.models import InboundForm, InboundSource
from notifications import receipts
from notifications.channels import reporting
from notifications.models import Gateway

router = Router(tags=["hooks"])

MOST_MAIL = 35 * 1024 * 1024
"""Bytes of one inbound mail with its attachments; as much as mail providers take themselves."""
MOST_REPORTS = 3 * 1024 * 1024
"""Bytes of one request of WhatsApp, which has up to a thousand reports in it."""
LATER: dict[str, Any] = {
    "responses": {
        503: {
            "description": "Something has to be set up here first: send it again later",
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
        }
    }
}
TRACKING, INBOUND = "/hooks/mail/{provider}/{secret}", "/hooks/mail/{provider}/{secret}/inbound"


@router.post(TRACKING, auth=None, response={202: RecordedOut}, openapi_extra=LATER)
def receive_mail_events(request: HttpRequest, provider: str, secret: str) -> Status[RecordedOut]:
    """A mail provider's tracking events, in its own format. The same event told twice is recorded once."""
    return _receive(request, provider, secret, mail=False)


@router.post(INBOUND, auth=None, response={202: RecordedOut}, openapi_extra=LATER)
def receive_inbound_mail(request: HttpRequest, provider: str, secret: str) -> Status[RecordedOut]:
    """Mail that people sent to you, as the provider passes it on: a reply, or an automatic reply."""
    return _receive(request, provider, secret, mail=True)


@router.api_operation(["GET", "HEAD"], TRACKING, auth=None, response={200: None}, include_in_schema=False)
def check_mail_address(request: HttpRequest, provider: str, secret: str) -> HttpResponse:
    """Some providers ask whether the address answers before they use it."""
    _source(request, provider, secret)
    return HttpResponse()


@router.api_operation(["GET", "HEAD"], INBOUND, auth=None, response={200: None}, include_in_schema=False)
def check_inbound_address(request: HttpRequest, provider: str, secret: str) -> HttpResponse:
    """As above."""
    _source(request, provider, secret)
    return HttpResponse()


def _source(request: HttpRequest, provider: str, secret: str) -> InboundSource:
    limits.check_failures(address(request))
    source = None
    if provider in providers.PROVIDERS:
        source = InboundSource.objects.select_related("team").filter(provider=provider, secret=secret).first()
    if source is None:
        limits.failed(address(request))
        raise Problem(404, "No inbound address has this secret. `nextmove source list` prints the addresses there are.")
    return source


def _receive(request: HttpRequest, provider: str, secret: str, *, mail: bool) -> Status[RecordedOut]:
    source = _source(request, provider, secret)
    if mail:
        _take_whole(request, MOST_MAIL, "Let the provider leave attachments out.")
    try:
        recorded = providers.receive(source, request, now=timezone.now(), mail=mail)
    except providers.BadWebhook as bad:
        raise Problem(400, f"{bad}. Send what the provider documents.") from None
    except providers.NotReady as fault:
        raise _later(fault) from None
    rejected: dict[int, list[Fault]] = {}
    for refused in recorded.rejected:
        rejected.setdefault(refused.index, []).extend(Fault(**vars(fault)) for fault in refused.errors)
    return Status(202, outcome(recorded, rejected))


def _take_whole(request: HttpRequest, most: int, advice: str) -> None:
    """Reads a body larger than the site takes elsewhere: mail comes with its attachments."""
    length: Any = request.META.get("CONTENT_LENGTH") or 0
    if int(length) > most:
        raise Problem(413, f"A request here may have {most // 1024 // 1024} MB. {advice}")
    request._body = request.read()


def _later(fault: Exception) -> Problem:
    return Problem(503, f"{fault} Send it again later.", headers={"Retry-After": "300"})


MESSAGES = "/hooks/messages/{secret}"
SIGNED: dict[str, Any] = {
    "responses": LATER["responses"] | {403: {"$ref": "#/components/responses/Forbidden"}},
}


@router.post(MESSAGES, auth=None, response={200: None}, openapi_extra=SIGNED)
def receive_message_reports(request: HttpRequest, secret: str) -> Status[None]:
    """What Twilio or WhatsApp says became of messages to phones, in its own format and signed by it. The same report
    told twice changes nothing; one about a message that is not ours is taken and does nothing."""
    gateway = _gateway(request, secret)
    _take_whole(request, MOST_REPORTS, "Neither service sends more.")
    behind = request.META.get("QUERY_STRING", "")
    told = reporting.address_of(gateway.team_id, gateway.channel) + (f"?{behind}" if behind else "")
    with _refusals(request, gateway):
        asked = reporting.Asked(told, request.headers, request.body)
        receipts.take(gateway, asked, now=timezone.now())
    return Status(200, None)


@router.api_operation(["GET", "HEAD"], MESSAGES, auth=None, response={200: None}, include_in_schema=False)
def check_messages_address(request: HttpRequest, secret: str) -> HttpResponse:
    """WhatsApp asks whether the address knows its verify token before it uses it."""
    gateway = _gateway(request, secret)
    with _refusals(request, gateway):
        return HttpResponse(receipts.greet(gateway, request.GET.dict()), content_type="text/plain")


def _gateway(request: HttpRequest, secret: str) -> Gateway:
    limits.check_failures(address(request))
    gateway = receipts.gateway_at(secret)
    if gateway is None:
        if reporting.read_address(secret) is None:  # not one of ours, whose account was taken away
            limits.failed(address(request))
        raise Problem(404, "No account reports to this address. Settings, Channels shows the addresses there are.")
    limits.check_failures(_asker(request, gateway))
    return gateway


def _asker(request: HttpRequest, gateway: Gateway) -> str:
    """A service reports for all teams from the same few addresses: what is wrong with one account slows no other."""
    return f"{address(request)} {gateway.pk}"


@contextmanager
def _refusals(request: HttpRequest, gateway: Gateway) -> Iterator[None]:
    try:
        yield
    except reporting.Forged:
        limits.failed(_asker(request, gateway))
        raise Problem(403, "The service of this account did not send this. Send what it signed, as it is.") from None
    except reporting.NotReady as fault:
        raise _later(fault) from None
    except reporting.Unclear as fault:
        raise Problem(400, f"{fault}. Send what the service documents.") from None


MOST_FORM = 64 * 1024
FORM = "/hooks/forms/{key}"
PLAIN_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
THANKS = "<!doctype html><title>Thank you</title><p>Thank you. “{}” has been sent.</p>"
BODY = {
    "requestBody": {
        "content": {kind: {"schema": {"type": "object"}} for kind in ("application/json", *PLAIN_FORMS)},
    }
}


class SubmittedOut(Out):
    accepted: bool
    duplicate: bool = False


@router.post(FORM, auth=None, response={202: SubmittedOut}, openapi_extra=BODY)
def receive_form(request: HttpRequest, key: str) -> Status[SubmittedOut] | HttpResponse:
    """One submission of a form on another site, as JSON or as browsers send forms. With a field `submission_id` or the
    header Idempotency-Key the same submission counts once."""
    limits.check_failures(address(request))
    form = InboundForm.objects.select_related("team", "owner").filter(key=key, is_active=True).first()
    if form is None:
        limits.failed(address(request))
        raise Problem(404, "No form has this key, or it was switched off. `nextmove form list` prints those there are.")
    allowed = _cross_origin(form, request)
    try:
        submitted = _submit(form, request)
    except Problem as problem:  # a script of that site shall be able to read what is wrong
        problem.headers |= allowed
        raise
    answer = _answered_page(form, request)
    if answer is None:
        body = pydantic_core.to_json({"accepted": True, "duplicate": submitted.duplicate})
        answer = HttpResponse(body, status=202, content_type="application/json")
    for name, value in allowed.items():
        answer[name] = value
    return answer


@router.api_operation(["OPTIONS"], FORM, auth=None, response={204: None}, include_in_schema=False)
def may_script_post(request: HttpRequest, key: str) -> HttpResponse:
    """What a browser asks before a script of another site may post."""
    form = InboundForm.objects.filter(key=key, is_active=True).first()
    allowed = _cross_origin(form, request) if form is not None else {}
    if allowed:
        allowed |= {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": f"Content-Type, {HEADER}",
            "Access-Control-Max-Age": "3600",
        }
    return HttpResponse(status=204, headers=allowed)


def _cross_origin(form: InboundForm, request: HttpRequest) -> dict[str, str]:
    """The headers that let a listed site's script read the answer. Any other site's post is refused where there is a
    list; one without an Origin comes from no browser's script."""
    origin = request.headers.get("Origin", "")
    if not origin or not form.allowed_origins:
        return {}
    if origin.lower() not in {str(one).lower().rstrip("/") for one in form.allowed_origins}:
        raise Problem(403, "This form may not be sent from this site. Add the site to the form's allowed_origins.")
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def _submit(form: InboundForm, request: HttpRequest) -> forms.Submitted:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_FORM:
        raise Problem(413, f"A submission has at most {MOST_FORM // 1024} KB. Leave files out and shorten texts.")
    limits.check_form(form.key, form.rate_per_minute)
    values = _values(request)
    given = request.headers.get(HEADER) or values.get(forms.SUBMISSION_ID) or ""
    if not isinstance(given, str | int) or len(str(given)) > MAX_LENGTH:
        raise invalid(
            f"/{forms.SUBMISSION_ID}", "length", f"The submission's id is a text of 1 to {MAX_LENGTH} letters."
        )
    try:
        return forms.submit(form, values, now=timezone.now(), submission_id=str(given))
    except forms.BadSubmission as bad:
        raise invalid(f"/{bad.field}" if bad.field else "", "invalid", str(bad)) from None


def _values(request: HttpRequest) -> dict[str, Any]:
    if request.content_type in PLAIN_FORMS:
        return {name: found[0] if len(found) == 1 else found for name, found in request.POST.lists()}
    if request.content_type != "application/json":
        given = request.content_type or "none"
        raise Problem(415, f"A form is sent as JSON, urlencoded or multipart, not as {given}.")
    try:
        values = pydantic_core.from_json(request.body, allow_inf_nan=False)
    except ValueError as fault:
        raise Problem(400, f"The body is not valid JSON: {fault}. Send one JSON object.") from None
    if not isinstance(values, dict):
        raise invalid("", "object", "A form's fields are one JSON object.")
    return values


def _answered_page(form: InboundForm, request: HttpRequest) -> HttpResponse | None:
    """Where a browser goes after a plain form; None for a program's or a script's post. Never a place that the post
    itself names."""
    if request.content_type not in PLAIN_FORMS or "text/html" not in request.headers.get("Accept", ""):
        return None
    if form.redirect_url:
        return HttpResponseRedirect(form.redirect_url, status=303)
    return HttpResponse(THANKS.format(escape(form.name)))
