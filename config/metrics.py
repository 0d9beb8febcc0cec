"""What monitoring reads: how the work of the whole installation stands, as Prometheus wants it.

Nothing is counted beside the work: every figure is asked of the tables when somebody asks for it, so that it is true
for any number of processes and after a restart. All are gauges; each is read by an index.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.auth import Bearer, Session, caller
from api.errors import Problem, respond
from assignment.models import Run
from automation import sweeps
from automation.models import Firing
from config import health
from crm.models import Activity
from jobs import pulse
from jobs.models import Job
from notifications.models import Delivery
from people.models import Team

LATELY, LAST_HOUR = timedelta(minutes=5), timedelta(hours=1)
MOST_DECISIONS = 5_000
"""Read by their ids, since an index by time alone would be written with every event for this one question."""
SCOPE = "jobs:read"
_OPERATORS = "Figures of the whole installation are for its superusers: send the token of one."


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """For a superuser: by a token that may read jobs, or signed in."""
    by_token = "Authorization" in request.headers
    try:
        if (Bearer(SCOPE) if by_token else Session())(request) is None:
            raise Problem(401, "Send `Authorization: Bearer <token>` with the token of a superuser.")
        if not caller(request).is_superuser:
            raise Problem(403, _OPERATORS)
    except Problem as problem:
        return respond(request, problem)
    registry = CollectorRegistry()
    registry.register(Figures(timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Figures(Collector):
    """The figures of one instant."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._jobs()
        yield from self._events()
        yield from self._due_work()
        yield from self._decisions()
        yield from self._notices()
        yield from self._plans()
        yield from self._surroundings()

    def _jobs(self) -> Iterator[GaugeMetricFamily]:
        waits = Q(started_at__isnull=True)
        is_due = waits & Q(run_at__lte=self.now)
        asked: dict[str, Any] = Job.objects.filter(state=Job.PENDING).aggregate(
            due=Count("pk", filter=is_due),
            planned=Count("pk", filter=waits & Q(run_at__gt=self.now)),
            running=Count("pk", filter=~waits),
            retrying=Count("pk", filter=waits & Q(retries__gt=0)),
            again=Count("pk", filter=Q(sends__gt=1)),
            oldest=Min("run_at", filter=is_due),
        )
        dead = Job.objects.filter(state=Job.DEAD).count()
        states = {name: asked[name] for name in ("due", "planned", "running")} | {"dead": dead}
        yield _labelled("jobs", "Jobs that are not done, by state.", "state", states)
        yield _gauge("jobs_retrying", "Waiting jobs that have failed at least once.", asked["retrying"])
        yield _gauge("jobs_published_again", "Open jobs that the relay gave to the broker again.", asked["again"])
        age = self._seconds_since(asked["oldest"])
        yield _gauge("oldest_due_job_age_seconds", "For how long the job that is due longest has been due.", age)
        done = Job.objects.filter(state=Job.DONE, done_at__gte=self.now - LATELY).count()
        yield _gauge("jobs_done_5m", "Jobs done within the last five minutes.", done)
        newest = pulse.glance(Job.objects.none(), now=self.now).last_period_at
        silent = abs(self.now - newest) if newest is not None else pulse.LATELY
        most = f"{pulse.LATELY.total_seconds():.0f} at most"
        what = f"Since when no periodic job was made, {most}; how far ahead it is of a clock that was set back."
        yield _gauge("clock_silent_seconds", what, silent.total_seconds())

    def _events(self) -> Iterator[GaugeMetricFamily]:
        unread = Activity.objects.filter(processed_at__isnull=True).aggregate(n=Count("pk"), oldest=Min("received_at"))
        yield _gauge("activities_waiting", "Events that no rule has looked at yet.", unread["n"])
        age = self._seconds_since(unread["oldest"])
        yield _gauge("oldest_waiting_activity_age_seconds", "For how long the oldest of these has waited.", age)

    def _due_work(self) -> Iterator[GaugeMetricFamily]:
        lags = {name: lag.total_seconds() for name, lag in sweeps.lags(self.now).items()}
        yield _labelled("sweep_lag_seconds", "How long what is due longest has been due, by sweep.", "sweep", lags)

    def _decisions(self) -> Iterator[GaugeMetricFamily]:
        newest = Firing.objects.order_by("-pk").values_list("outcome", "at")[:MOST_DECISIONS]
        since = self.now - LAST_HOUR
        counted = Counter(outcome for outcome, at in newest if at >= since)
        found = {outcome: counted[outcome] for outcome in (Firing.FIRED, Firing.SUPPRESSED, Firing.FAILED)}
        what = f"What rules decided in the last hour, by outcome; of the newest {MOST_DECISIONS} decisions."
        yield _labelled("firings_1h", what, "outcome", found)

    def _notices(self) -> Iterator[GaugeMetricFamily]:
        lost = Delivery.objects.filter(state__in=Delivery.LOST, created_at__gte=self.now - LAST_HOUR)
        counted = dict(lost.values_list("state").annotate(n=Count("pk")))
        found = {state: counted.get(state, 0) for state in Delivery.LOST}
        what = "Notices of the last hour that failed, bounced, or of which nobody knows, by state."
        yield _labelled("deliveries_1h", what, "state", found)

    def _plans(self) -> Iterator[GaugeMetricFamily]:
        newest = Run.objects.filter(team=OuterRef("pk"), created_at__gte=self.now - timedelta(days=1))
        ids = Team.objects.values(run=Subquery(newest.order_by("-created_at").values("pk")[:1]))
        gap = max((run.gap for run in Run.objects.filter(pk__in=ids)), default=0.0)
        what = "The largest share by which a team's newest plan of the last day may be below the best, 0 to 1."
        yield _gauge("plan_gap_ratio", what, gap)

    def _surroundings(self) -> Iterator[GaugeMetricFamily]:
        if settings.BROKER_URL:
            yield _gauge("broker_up", "Whether the broker answers.", health.broker_answers())
        yield _gauge("disk_free_bytes", "Of the data folder.", shutil.disk_usage(settings.DATA_DIR).free)

    def _seconds_since(self, then: datetime | None) -> float:
        return max(0.0, (self.now - then).total_seconds()) if then is not None else 0.0


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"nextmove_{name}", what, value=value)


def _labelled(name: str, what: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"nextmove_{name}", what, labels=[label])
    for value, figure in values.items():
        family.add_metric([value], figure)
    return family
