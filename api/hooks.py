"""/hooks: what mail providers post. The secret in the address is what they prove themselves with."""

from django.http import HttpRequest
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


@router.post("/hooks/mail/{provider}/{secret}", auth=None, response={202: RecordedOut})
def receive_mail_events(request: HttpRequest, provider: str, secret: str) -> Status[RecordedOut]:
    """A mail provider's tracking events, in its own format. The same event told twice is recorded once."""
    limits.check_failures(address(request))
    source = None
    if provider in providers.PROVIDERS:
        source = InboundSource.objects.select_related("team").filter(provider=provider, secret=secret).first()
    if source is None:
        limits.failed(address(request))
        raise Problem(404, "No inbound address has this secret. `nextmove source list` prints the addresses there are.")
    try:
        recorded = providers.receive(source, request, now=timezone.now())
    except providers.BadWebhook as bad:
        raise Problem(400, f"{bad}. Send what the provider documents.") from None
    rejected = {refused.index: [Fault(**vars(fault)) for fault in refused.errors] for refused in recorded.rejected}
    return Status(202, outcome(recorded, rejected))
