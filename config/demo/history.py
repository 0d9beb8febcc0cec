"""What the demo's contacts did in two months: on working days, all of it processed."""

from datetime import timedelta

from django.db.models import Max, OuterRef, Subquery

from config.demo.space import DAYS, Workspace
from crm.models import Activity, Contact

HISTORY = (
    (Activity.EMAIL_OPENED, 46),
    (Activity.EMAIL_CLICKED, 18),
    (Activity.EMAIL_REPLIED, 9),
    (Activity.FORM_SUBMITTED, 5),
    (Activity.CALL, 14),
    (Activity.NOTE, 8),
)


def activities(space: Workspace) -> list[Activity]:
    """What contacts did, on working days, more of it lately; all of it processed."""
    kinds = [kind for kind, weight in HISTORY for _ in range(weight)]
    rows: list[Activity] = []
    for day in range(DAYS, 0, -1):
        morning = (space.now - timedelta(days=day)).replace(hour=8, minute=0, second=0, microsecond=0)
        if morning.weekday() >= 5:
            continue
        for _ in range(space.chance.randint(16, 34)):
            contact = space.chance.choice(space.contacts)
            kind = space.chance.choice(kinds)
            at = morning + timedelta(minutes=space.chance.randint(0, 600))
            mail = kind.startswith("email")
            rows.append(
                Activity(
                    team=space.team,
                    contact=contact,
                    activity_type=kind,
                    occurred_at=at,
                    received_at=at,
                    processed_at=at,
                    source="sendgrid" if mail else "nextmove",
                    source_key=f"demo:{len(rows)}",
                    signal=Activity.HUMAN if kind != Activity.EMAIL_OPENED else Activity.UNKNOWN,
                    data={"url": "https://northbeam.example/pricing"} if kind == Activity.EMAIL_CLICKED else {},
                    actor=None if mail or kind == Activity.FORM_SUBMITTED else contact.owner,
                )
            )
    made = Activity.objects.bulk_create(rows, batch_size=500)
    heard = Activity.objects.filter(contact=OuterRef("pk")).values("contact").annotate(last=Max("occurred_at"))
    Contact.objects.filter(team=space.team).update(last_activity_at=Subquery(heard.values("last")))
    return made
