"""Kills a send at each of four lines, by each service, and counts what reached the other side; a process of its own.

A forked child works and ends itself with `os._exit` at that line, as `kill -9` would. Others then run the job: at once,
which its lease forbids, and after the lease. The servers that stand for the services live in this process, check each
login and each signature as the services do, and note the id by which some know a message again. Prints a line of JSON
for each service and line.

    python -m tests.notifications.kills [SERVICE ...]
"""

import json
import os
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

BASE = "https://nextmove.example.org"
MAIL, TEAM_HOOK = "mail", "team's webhook"
NOTICES = {
    "claimed, not marked": ("before", "notifications.delivery", "_claim"),
    "marked, not sent": ("before", "notifications.delivery", "_hand_over"),
    "sent, not marked": ("before", "notifications.delivery", "_settle"),
    "sent and marked, job not done": ("after", "notifications.delivery", "_settle"),
}
EVENTS = {
    "claimed, not marked": ("before", "webhooks.sending", "_rest"),
    "marked, not sent": ("before", "webhooks.sending", "_call"),
    "sent, not marked": ("before", "webhooks.sending", "_conclude"),
    "sent and marked, job not done": ("after", "webhooks.sending", "_conclude"),
}
"""Where a child ends, by what it has done by then."""


@dataclass
class Outside:
    """All services at once: what they took, in order, each by the id under which they know it again."""

    service: str = ""
    taken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    reports_to: str = ""
    secret: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, service: str) -> None:
        self.service, self.taken, self.refused, self.reports_to = service, [], [], ""

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """The answer of the service, as it would give it."""
        with self.lock:
            why = self.fault(path, headers, body)
            if why:
                self.refused.append(why)
                return 401, {"message": why}
            self.taken.append(self.known_by(headers, body))
            return self.answer(body)

    def fault(self, path: str, headers: dict[str, str], body: bytes) -> str:
        from standardwebhooks import Webhook, WebhookVerificationError

        from tests.notifications.reaching import KEY, WHERE

        where, login = WHERE.get(self.service, ("/team", None))
        if (path, headers.get("authorization")) != (where, login):
            return f"{path} with the wrong login"
        secret = {"webhook": KEY, TEAM_HOOK: self.secret}.get(self.service, "")
        try:
            if secret:
                Webhook(secret).verify(body, headers)
        except WebhookVerificationError as fault:
            return str(fault)
        return ""

    def known_by(self, headers: dict[str, str], body: bytes) -> str:
        if self.service in ("webhook", TEAM_HOOK):
            return headers["webhook-id"]
        if self.service == "ntfy.sh":
            return str(json.loads(body)["sequence_id"])
        return f"message {len(self.taken) + 1}"

    def answer(self, body: bytes) -> tuple[int, Any]:
        if self.service in ("twilio", "whatsapp-twilio"):
            self.reports_to = parse_qs(body.decode())["StatusCallback"][0]
            return 201, {"sid": f"SM{len(self.taken):032}", "status": "queued"}
        if self.service == "cloud":
            self.reports_to = json.loads(body)["biz_opaque_callback_data"]
            return 200, {"messages": [{"id": f"wamid.{len(self.taken)}"}]}
        return 200, {"ok": True}

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        with self.lock:
            self.taken.append(f"letter {len(self.taken) + 1} {message_from_bytes(envelope.content)['Message-ID']}")
        return "250 OK"


OUTSIDE = Outside()


def main(services: list[str]) -> None:
    import celery_app  # noqa: F401 (sets Django up)
    from tests.jobs import killpoints
    from tests.notifications.reaching import SERVICES

    killpoints.create_database()
    try:
        url = open_outside()
        for service in services or (MAIL, *SERVICES, TEAM_HOOK):
            for point in NOTICES:
                sys.stdout.write(json.dumps(examine(service, point, url)) + "\n")
    finally:
        killpoints.drop_database()


def open_outside() -> str:
    """Starts the servers and leads every service to them; the address of the one for HTTP."""
    import pytest
    from aiosmtpd.controller import Controller
    from django.conf import settings

    from tests import processes
    from tests.notifications import reaching

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = OUTSIDE.take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            answer = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = processes.free_port()
    Controller(OUTSIDE, hostname="127.0.0.1", port=port).start()
    host = f"127.0.0.1:{server.server_address[1]}"
    settings.PRIVATE_HOSTS, settings.BASE_URL = [host], BASE
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_PORT = port
    reaching.lead_here(f"http://{host}", pytest.MonkeyPatch())
    return f"http://{host}"


def examine(service: str, point: str, url: str) -> dict[str, Any]:
    """One service killed at one line, and the rest of the story."""
    from django.db import connections

    from tests.jobs import killpoints

    OUTSIDE.begin(service)
    state = with_event(url) if service == TEAM_HOOK else with_notice(service, url)
    how, module, name = (EVENTS if service == TEAM_HOOK else NOTICES)[point]
    patched = getattr(killpoints, how)(module, name)
    connections.close_all()
    killed = killpoints.forked(lambda: work(patched)) == killpoints.KILLED
    at_once = len(OUTSIDE.taken)
    assert killpoints.forked(work) == 0
    leased = len(OUTSIDE.taken) == at_once
    for _ in range(3):
        assert killpoints.forked(work_after_the_lease) == 0
    ended, reported = state(), ""
    if OUTSIDE.reports_to:
        report_delivered()
        reported = state()
    return {
        "service": service,
        "point": point,
        "killed": killed,
        "leased": leased,
        "refused": OUTSIDE.refused,
        "sent": len(OUTSIDE.taken),
        "arrived": len(set(OUTSIDE.taken)),
        "state": ended,
        "reported": reported,
    }


def work(patched: Callable[[], Any] | None = None) -> None:
    from contextlib import nullcontext

    from jobs import runner

    with patched() if patched is not None else nullcontext():
        runner.run_due()


def work_after_the_lease() -> None:
    from django.utils import timezone

    from jobs.models import Job

    # The wait is the only thing shortened.
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(state=Job.PENDING).update(send_at=past, run_at=past)
    work()


def with_notice(service: str, url: str) -> Callable[[], str]:
    """Somebody new is told something that goes by this service; what reads the state of its row."""
    from django.conf import settings
    from django.utils import timezone

    from notifications import outbox
    from notifications.models import Delivery, Notification
    from tests import builders
    from tests.notifications import reaching

    person = builders.make_manager(email=f"{uuid.uuid4()}@example.org")
    settings.MAILS = service == MAIL
    if service != MAIL:
        reaching.reach_by(service, person, url)
    outbox.tell(person, kind=Notification.REMINDER, key=f"due:{person.pk}", title="Due soon", now=timezone.now())

    def state() -> str:
        assert Notification.objects.filter(user=person).count() == 1, "the inbox has it once"
        return Delivery.objects.get(user=person).state

    return state


def with_event(url: str) -> Callable[[], str]:
    """A task is done, of which a webhook of the team is told."""
    from django.utils import timezone

    from jobs.models import Job
    from people import sealing
    from tests import builders
    from webhooks.models import Dispatch
    from work import lifecycle

    person = builders.make_manager()
    endpoint = builders.make_webhook(person.team, url=f"{url}/team", kinds=["task.completed"])
    OUTSIDE.secret = sealing.unseal(endpoint.secret)
    lifecycle.complete(builders.make_task(person), by=person, now=timezone.now())
    Job.objects.exclude(name="automation.tasks.send_webhook").delete()  # what else follows is not looked at here
    return lambda: Dispatch.objects.get(endpoint=endpoint).state


def report_delivered() -> None:
    """The service says that it arrived, as it does: signed, with the id that came with the message."""
    import hashlib
    import hmac

    from django.test import Client

    from notifications.channels import reporting, twilio
    from notifications.models import Gateway
    from tests.notifications.reaching import CLOUD, TWILIO

    named = "SM" + "0" * 32
    if OUTSIDE.service == "cloud":
        gateway = Gateway.objects.latest("pk")
        url = reporting.address_of(gateway.team_id, gateway.channel)
        status = {"id": named, "status": "delivered", "biz_opaque_callback_data": OUTSIDE.reports_to}
        body = json.dumps({"entry": [{"changes": [{"value": {"statuses": [status]}}]}]})
        signed = hmac.new(CLOUD["app_secret"].encode(), body.encode(), hashlib.sha256).hexdigest()
        kind, headers = "application/json", {"X-Hub-Signature-256": f"sha256={signed}"}
    else:
        url, fields = OUTSIDE.reports_to, {"MessageSid": named, "MessageStatus": "delivered"}
        body, kind = urlencode(fields), "application/x-www-form-urlencoded"
        headers = {"X-Twilio-Signature": twilio.signature(TWILIO, url, fields.items())}
    answer = Client().post(url.removeprefix(BASE), body, content_type=kind, headers=headers)
    assert answer.status_code == 200, answer.content


if __name__ == "__main__":
    # Under its own name, so that patches and servers reach what runs.
    from tests.notifications import kills

    kills.main(sys.argv[1:])
