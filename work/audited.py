"""What the audit log keeps of tasks: what people decide, not the columns that follow from it."""

from operator import attrgetter

from crm.models import Contact
from people.audit import Facts, Kind
from work.models import Task


def _parts(task: Task) -> Facts:
    return {
        "required_skills": dict(task.skill_levels.order_by("skill__name").values_list("skill__name", "min_level")),
        "depends_on": list(task.dependencies.order_by("waits_for").values_list("waits_for", flat=True)),
        "excluded_user_ids": list(task.exclusions.order_by("user").values_list("user", flat=True)),
    }


def _of_contact(contact: Contact) -> Facts:
    return {"excluded_user_ids": list(contact.exclusions.order_by("user").values_list("user", flat=True))}


TASK = Kind(
    "task",
    (
        "title",
        "description",
        "priority",
        "status",
        "due_date",
        "reminder_offset_hours",
        "contact_id",
        "owner_id",
        "assignee_id",
        "estimated_hours",
        "actual_hours",
        "notes",
        "pinned",
    ),
    parts=_parts,
)
CONTACT = Kind("contact", (), parts=_of_contact)
"""Of contacts only who must not have their work: all else of their life is in the ledger."""

PUSH = Kind(
    "calendar_push",
    ("config", "shows", "made_at"),
    secrets=frozenset({"config"}),
    name_of=attrgetter("user.username"),
    team_of=attrgetter("user.team_id"),
)
