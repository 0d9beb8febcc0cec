"""/hooks: what mail providers and forms on other sites post. The secret in the address is what they prove themselves
with; providers that sign their requests are held to it as soon as their source has the key."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router
from ninja.responses import Status

from api import limits
from api.activities import RecordedOut, outcome
from api.auth import address
from api.errors import Fault, Problem
from crm import providers
from crm.models import InboundSource

router = Router(tags=["hooks"])

MOST_MAIL = 35 * 1024 * 1024
"""Bytes of one inbound mail with its attachments; as much as mail providers take themselves."""
TRACKING, INBOUND = "/hooks/mail/{provider}/{secret}", "/hooks/mail/{provider}/{secret}/inbound"


@router.post(TRACKING, auth=None, response={202: RecordedOut})
def receive_mail_events(request: HttpRequest, provider: str, secret: str) -> Status[RecordedOut]:
    """A mail provider's tracking events, in its own format. The same event told twice is recorded once."""
    return _receive(request, provider, secret, mail=False)


@router.post(INBOUND, auth=None, response={202: RecordedOut})
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
        _take_whole(request)
    try:
        recorded = providers.receive(source, request, now=timezone.now(), mail=mail)
    except providers.BadWebhook as bad:
        raise Problem(400, f"{bad}. Send what the provider documents.") from None
    except providers.NotReady as fault:
        raise Problem(503, f"{fault} Send it again later.", headers={"Retry-After": "300"}) from None
    rejected: dict[int, list[Fault]] = {}
    for refused in recorded.rejected:
        rejected.setdefault(refused.index, []).extend(Fault(**vars(fault)) for fault in refused.errors)
    return Status(202, outcome(recorded, rejected))


def _take_whole(request: HttpRequest) -> None:
    """Reads a body larger than the site takes elsewhere: mail comes with its attachments."""
    length: Any = request.META.get("CONTENT_LENGTH") or 0
    if int(length) > MOST_MAIL:
        raise Problem(413, f"A mail may have {MOST_MAIL // 1024 // 1024} MB. Let the provider leave attachments out.")
    request._body = request.read()  # type: ignore[attr-defined]
