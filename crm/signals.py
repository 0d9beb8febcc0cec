"""Who opened or clicked: a person, a machine (prefetching, scanning links), or nobody can tell.

Machines fetch pictures and follow links before anybody has seen the mail. What gives them away is the provider's word,
the program's name, a time too soon after delivery, and links followed faster than anybody could. Without such a sign an
event is never called a machine's: what hides an address or a browser for privacy hides real readers too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm.models import Activity

SOON_SECONDS = 3
"""Nobody reads a mail this soon after its delivery."""
CALM_SECONDS = 20
"""From here on nothing about the time speaks against a person."""
BURST_SECONDS = 10
BURST_LINKS = 3
"""As many different links of one mail within that time are a scanner's; two within the same second are, too."""
LOOK_BACK = timedelta(days=3)
MOST_ROWS = 2_000

PREFETCHES = re.compile(r"^mozilla/5\.0$", re.IGNORECASE)
"""All that Apple's mail privacy says of itself when it fetches pictures."""
PROXIES = re.compile(r"googleimageproxy|ggpht\.com|yahoomailproxy", re.IGNORECASE)
"""They fetch pictures when somebody looks, and hide who: neither proof nor disproof."""
SCANNERS = re.compile(
    r"bot\b|spider|crawl|scanner|barracuda|proofpoint|mimecast|safelinks|symantec|messagelabs|trendmicro|sophos|forcepoint"
    r"|cloudmark|zscaler|fireeye|trellix|bitdefender|kaspersky|fortiguard|cisco|ironport|bingpreview|slackbot|facebookext"
    r"|linkpreview|urlscan|virustotal|headless|phantomjs|puppeteer|playwright|curl/|wget/|python|go-http-client|java/"
    r"|okhttp|libwww|httpclient|axios|node-fetch|aiohttp",
    re.IGNORECASE,
)
READERS = re.compile(
    r"\((?:windows|macintosh|x11|iphone|ipad|linux|android)|thunderbird|microsoft outlook|applemail|outlook-ios",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Evidence:
    """What is known about one open or click.

    `flagged` is the provider's word that a machine did it. `seconds_since_delivery` is None when the delivery is not
    known, negative when it came before. `nearby_clicks` are (seconds apart, link) of the same mail's other clicks.
    """

    kind: str
    flagged: bool = False
    user_agent: str = ""
    url: str = ""
    seconds_since_delivery: float | None = None
    nearby_clicks: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class Verdict:
    signal: str
    reason: str


def judge(evidence: Evidence) -> Verdict:
    """Says who it was and what shows it. The same evidence always gets the same answer."""
    machine = _machine(evidence)
    if machine:
        return Verdict(Activity.MACHINE, machine)
    if PROXIES.search(evidence.user_agent):
        return Verdict(Activity.UNKNOWN, "seen through a proxy")
    if not READERS.search(evidence.user_agent):
        return Verdict(Activity.UNKNOWN, "the program does not say what it is")
    if evidence.seconds_since_delivery is None:
        return Verdict(Activity.UNKNOWN, "the time of delivery is not known")
    if evidence.seconds_since_delivery < CALM_SECONDS:
        return Verdict(Activity.UNKNOWN, "soon after delivery")
    return Verdict(Activity.HUMAN, "a reader's program, some time after delivery")


def _machine(evidence: Evidence) -> str:
    opened = evidence.kind == Activity.EMAIL_OPENED
    if evidence.flagged:
        return "the provider says so"
    if opened and PREFETCHES.match(evidence.user_agent.strip()):
        return "fetched ahead for privacy"
    if SCANNERS.search(evidence.user_agent):
        return "a scanner's program"
    if evidence.seconds_since_delivery is not None and evidence.seconds_since_delivery < SOON_SECONDS:
        return "sooner than anybody reads"
    return "" if opened or not _in_burst(evidence) else "links followed faster than anybody could"


def _in_burst(evidence: Evidence) -> bool:
    others = [(seconds, url) for seconds, url in evidence.nearby_clicks if url != evidence.url]
    if any(abs(seconds) < 1 for seconds, _ in others):
        return True
    # Whatever stretch of that length the click lies in counts, not only the one around it.
    starts = [0.0, *(seconds for seconds, _ in others if -BURST_SECONDS <= seconds <= 0)]
    return any(
        len({url for seconds, url in others if start <= seconds <= start + BURST_SECONDS}) + 1 >= BURST_LINKS
        for start in starts
    )


TRACKED = (Activity.EMAIL_OPENED, Activity.EMAIL_CLICKED)
DELIVERED = "email_delivered"
SENT = (DELIVERED, Activity.EMAIL_SENT)
Mail = tuple[int | None, str, str]
"""One mail to one person: the contact's id, the address where there is no contact, the message id."""


def mark(rows: Sequence[Activity]) -> None:
    """Gives opens and clicks that are about to be stored their signal, and says in `data` what it rests on.

    Looks at the rows of the same delivery and at what the ledger holds of the same mails, in one query at most. A
    signal that came as machine is the provider's word; one that came as human, the sender's own, is kept.
    """
    tracked = [row for row in rows if row.activity_type in TRACKED and row.signal != Activity.HUMAN]
    if not tracked:
        return
    sent_at, clicks = _known(rows, tracked)
    for row in tracked:
        mail = _mail(row)
        known = clicks.get(mail, []) if mail else []
        verdict = judge(
            Evidence(
                kind=row.activity_type,
                flagged=row.signal == Activity.MACHINE,
                user_agent=_text(row.data, "user_agent"),
                url=_text(row.data, "url"),
                seconds_since_delivery=_since(row.occurred_at, sent_at.get(mail) if mail else None),
                nearby_clicks=[
                    ((at - row.occurred_at).total_seconds(), url)
                    for at, url in known
                    if abs(at - row.occurred_at) <= timedelta(seconds=BURST_SECONDS)
                ],
            )
        )
        row.signal = verdict.signal
        row.data = {**row.data, "signal_reason": verdict.reason}


def _since(at: datetime, sent_at: datetime | None) -> float | None:
    return None if sent_at is None else (at - sent_at).total_seconds()


def _known(
    rows: Sequence[Activity], tracked: Sequence[Activity]
) -> tuple[dict[Mail, datetime], dict[Mail, list[tuple[datetime, str]]]]:
    """When each mail was delivered (else sent), and its clicks, from this delivery and from the ledger."""
    delivered: dict[Mail, datetime] = {}
    sent: dict[Mail, datetime] = {}
    clicks: dict[Mail, list[tuple[datetime, str]]] = {}
    for row in [*rows, *_stored(tracked)]:
        mail = _mail(row)
        if mail is None:
            continue
        if row.activity_type == Activity.EMAIL_CLICKED:
            clicks.setdefault(mail, []).append((row.occurred_at, _text(row.data, "url")))
        elif row.activity_type in SENT:
            times = delivered if row.activity_type == DELIVERED else sent
            times[mail] = min(row.occurred_at, times.get(mail, row.occurred_at))
    return sent | delivered, clicks


def _stored(tracked: Iterable[Activity]) -> Iterable[Activity]:
    """What the ledger holds of these contacts' mails shortly before; reads the timeline's index."""
    of_contacts = [row for row in tracked if row.contact_id is not None and _mail(row)]
    if not of_contacts:
        return []
    times = [row.occurred_at for row in of_contacts]
    return Activity.objects.filter(
        contact_id__in={row.contact_id for row in of_contacts},
        occurred_at__gte=min(times) - LOOK_BACK,
        occurred_at__lte=max(times) + timedelta(seconds=BURST_SECONDS),
        activity_type__in=(Activity.EMAIL_CLICKED, *SENT),
    ).order_by("-occurred_at")[:MOST_ROWS]


def _mail(row: Activity) -> Mail | None:
    message_id = _text(row.data, "message_id")
    if not message_id:
        return None
    return row.contact_id, "" if row.contact_id else _text(row.data, "recipient").lower(), message_id


def _text(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, Mapping) else None
    return value if isinstance(value, str) else ""
