"""What the audit log keeps of tasks: what people decide, not the columns that follow from it."""

from people.audit import Facts, Kind
from work.models import Task


def _skills(task: Task) -> Facts:
    return {"required_skills": dict(task.skill_levels.order_by("skill__name").values_list("skill__name", "min_level"))}


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
    parts=_skills,
)
