"""What stored words are called on a page, and the icon beside them."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Activity
from domain import scoring
from jobs import announcing
from notifications.models import Delivery, Notification
from webhooks.models import PING

Text = str | Promise


class Word(NamedTuple):
    label: Text
    icon: str
    tone: str = ""


ACTIVITIES: dict[str, Word] = {
    Activity.EMAIL_OPENED: Word(_("Opened an e-mail"), "mail-open"),
    Activity.EMAIL_CLICKED: Word(_("Clicked a link"), "mouse-pointer-click"),
    Activity.EMAIL_REPLIED: Word(_("Replied to an e-mail"), "reply"),
    Activity.EMAIL_BOUNCED: Word(_("An e-mail bounced"), "mail-x", "bad"),
    Activity.EMAIL_AUTO_REPLIED: Word(_("Sent an automatic reply"), "reply-all"),
    Activity.EMAIL_UNSUBSCRIBED: Word(_("Unsubscribed"), "bell-off", "bad"),
    Activity.EMAIL_COMPLAINED: Word(_("Called a mail spam"), "mail-x", "bad"),
    Activity.EMAIL_SENT: Word(_("Was written to"), "send"),
    Activity.MEETING_BOOKED: Word(_("Booked a meeting"), "calendar-check"),
    Activity.FORM_SUBMITTED: Word(_("Submitted a form"), "clipboard-list"),
    Activity.CALL: Word(_("Call"), "phone"),
    Activity.MEETING: Word(_("Meeting"), "calendar"),
    Activity.NOTE: Word(_("Note"), "sticky-note"),
    Activity.STATUS_CHANGED: Word(_("Status changed"), "arrow-right-left"),
    Activity.TASK_CREATED: Word(_("Task created"), "circle-plus"),
    Activity.TASK_ASSIGNED: Word(_("Task assigned"), "user-check"),
    Activity.TASK_COMPLETED: Word(_("Task completed"), "circle-check", "good"),
    Activity.TASK_STATUS_CHANGED: Word(_("Task status changed"), "circle-dot"),
    Activity.TASK_COMMENTED: Word(_("Comment"), "message-square"),
    Activity.TASK_OUTCOME: Word(_("Outcome of a task"), "flag"),
    Activity.DO_NOT_CONTACT: Word(_("Is not to be contacted"), "bell-off", "bad"),
    Activity.OPTED_IN: Word(_("May be contacted again"), "bell-ring", "good"),
    Activity.CONTACT_MERGED: Word(_("Merged with another contact"), "merge"),
    Activity.CONTACT_PARTED: Word(_("Parted from another contact"), "split"),
    "email_delivered": Word(_("A mail arrived"), "mail-check"),
}
IN_THE_QUEUE = Word(_("Waits for whoever fits best"), "inbox")
TRIGGERING = (
    Activity.EMAIL_OPENED,
    Activity.EMAIL_CLICKED,
    Activity.EMAIL_REPLIED,
    Activity.EMAIL_BOUNCED,
    Activity.FORM_SUBMITTED,
    Activity.CALL,
    Activity.MEETING_BOOKED,
    Activity.MEETING,
    Activity.NOTE,
    Activity.TASK_OUTCOME,
)
"""What a rule's form offers; a team's own types are typed in."""

DELIVERIES: dict[str, Word] = {
    Delivery.QUEUED: Word(_("Waiting"), "clock"),
    Delivery.SENDING: Word(_("Being sent"), "send"),
    Delivery.SENT: Word(_("Sent"), "check", "good"),
    Delivery.FAILED: Word(_("Failed"), "circle-alert", "bad"),
    Delivery.UNKNOWN: Word(_("Unknown"), "circle-question-mark", "warn"),
    Delivery.BOUNCED: Word(_("Came back"), "mail-x", "bad"),
    Delivery.SKIPPED: Word(_("Not sent"), "circle-slash"),
}

NOTICES: dict[str, Word] = {
    Notification.ASSIGNED: Word(_("Assigned to you"), "user-check"),
    Notification.REMINDER: Word(_("Reminder"), "alarm-clock"),
    Notification.OVERDUE: Word(_("Overdue"), "hourglass"),
    Notification.ESCALATED: Word(_("Long overdue"), "flame"),
    Notification.MOVED: Word(_("Moved"), "arrow-right-left"),
    Notification.SEQUENCE: Word(_("Sequence"), "list-ordered"),
    Notification.BOUNCED: Word(_("Mail"), "mail-x"),
    Notification.PERFORMANCE: Word(_("Score"), "chart-no-axes-column"),
    Notification.WORKLOAD: Word(_("Workload"), "scale"),
    Notification.REPORT: Word(_("Report"), "file-text"),
    Notification.JOB_DEAD: Word(_("Failed job"), "triangle-alert"),
    Notification.RULE: Word(_("Rule"), "zap"),
    Notification.TEST: Word(_("Test"), "send"),
    Notification.WEBHOOK: Word(_("Webhook"), "webhook"),
    Notification.CALENDAR: Word(_("Calendar"), "calendar-x"),
}

EVENTS: dict[str, Text] = {
    announcing.TASK_CREATED: _("A task is made"),
    announcing.TASK_ASSIGNED: _("A task is given to somebody"),
    announcing.TASK_COMPLETED: _("A task is completed"),
    announcing.CONTACT_CHANGED: _("A contact is made or changed"),
    announcing.RULE_PAUSED: _("A rule stops"),
    PING: _("Test"),
}
"""What webhooks tell of."""

DISPATCHES: dict[str, Word] = {
    "queued": Word(_("Waiting"), "clock", "warn"),
    "sending": Word(_("Being sent"), "loader", "accent"),
    "sent": Word(_("Sent"), "circle-check", "good"),
    "failed": Word(_("Failed"), "circle-x", "bad"),
}

OUTCOMES: dict[str, Word] = {
    "fired": Word(_("Created a task"), "circle-check", "good"),
    "suppressed": Word(_("Suppressed"), "circle-pause", "warn"),
    "failed": Word(_("Failed"), "circle-x", "bad"),
    "waiting": Word(_("Waits"), "clock"),
}

JOBS: dict[str, Word] = {
    "PENDING": Word(_("Waiting"), "clock"),
    "STARTED": Word(_("Running"), "loader", "accent"),
    "RETRY": Word(_("Trying again"), "rotate-ccw", "warn"),
    "SUCCESS": Word(_("Done"), "circle-check", "good"),
    "FAILURE": Word(_("Failed"), "circle-x", "bad"),
    "REVOKED": Word(_("Cancelled"), "ban"),
}

STATUSES: dict[str, Word] = {
    "todo": Word(_("To do"), "circle"),
    "in_progress": Word(_("In progress"), "circle-dot", "accent"),
    "blocked": Word(_("Blocked"), "circle-slash", "warn"),
    "done": Word(_("Done"), "circle-check", "good"),
    "cancelled": Word(_("Cancelled"), "circle-x"),
    "obsolete": Word(_("Obsolete"), "circle-x"),
}

ENROLMENTS: dict[str, Word] = {
    "active": Word(_("Under way"), "play", "accent"),
    "paused": Word(_("Paused"), "pause", "warn"),
    "finished": Word(_("Finished"), "circle-check", "good"),
    "exited": Word(_("Left"), "log-out"),
    "stopped": Word(_("Stopped"), "square"),
}

SCORE_PARTS: dict[str, Text] = {
    "completion": _("Completion"),
    "estimation": _("Estimates"),
    "balance": _("Balance"),
    "skill": _("Skills"),
}

COMPARISONS: dict[str, Word] = {
    scoring.HIGHER: Word(_("Higher than the team"), "trending-up", "good"),
    scoring.LOWER: Word(_("Lower than the team"), "trending-down", "warn"),
    scoring.NOT_CLEAR: Word(_("Not clearly different"), "equal-approximately"),
}

TASK_OUTCOMES: dict[str, Text] = {
    "reached": _("Reached"),
    "no_answer": _("No answer"),
    "message_left": _("Message left"),
    "won": _("Won"),
    "lost": _("Lost"),
}
"""What came of a task for a contact."""

CONTACT_STATUSES: dict[str, str] = {"lead": "accent", "active": "good", "inactive": "", "lost": "warn"}

METHODS: dict[str, Text] = {
    "owner": _("by ownership"),
    "best_match": _("as the best match"),
    "next_task": _("as the next task"),
    "batch": _("in a batch run"),
    "rebalance": _("to balance the load"),
    "manual": _("by hand"),
    "completed": _("by completing it"),
    "reopened": _("by reopening it"),
}


TRIALS: dict[str, Text] = {
    "too_early": _("Too early to tell"),
    "running": _("Nothing clear yet"),
    "better": _("One is better"),
    "no_difference": _("No such difference"),
    "invalid": _("Invalid split"),
    "harmful": _("Stopped: it does harm"),
    "optimising": _("Optimised, nothing proved"),
}
TRIAL_HARMS: dict[str, Text] = {
    "opt_outs": _("A delay made people opt out."),
    "overdue": _("A delay made work late more often."),
}

LEAD_FIELDS: dict[str, Text] = {
    "came_by": _("Came by"),
    "mail": _("Mail address"),
    "phone": _("Phone"),
    "company": _("Company"),
    "engagement": _("What they did lately"),
}
LEAD_VALUES: dict[str, Text] = {
    "known": _("known"),
    "missing": _("missing"),
    "company": _("of a company"),
    "free": _("at a free provider"),
    "by_hand": _("entered by hand"),
    "yes": _("yes"),
    "no": _("no"),
}


def lead_fact(field: str, value: object) -> str:
    """A field by which leads are scored, with its value; a tag by its name, what they did by its type."""
    if field.startswith("did:"):
        return str(activity(field.removeprefix("did:")).label)
    label = LEAD_FIELDS.get(field) or f"#{field.removeprefix('tag:')}"
    if value is None or field == "engagement":
        return str(label)
    return f"{label}: {LEAD_VALUES.get(str(value), value)}"


def activity(kind: str) -> Word:
    """The words for a type of activity; a team's own type reads as it is written."""
    return ACTIVITIES.get(kind) or Word(kind.replace("_", " ").capitalize(), "zap")
