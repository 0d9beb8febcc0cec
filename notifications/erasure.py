"""Erasing a person from what people were told."""

from crm import erase
from notifications.models import Notification


def wipe(subject: erase.Subject) -> None:
    """Notices of their tasks lose their texts; any other that names them loses the names."""
    own = Notification.objects.filter(task__contact__in=subject.ids)
    erase.wipe_admin_log(Notification, own.values_list("pk", flat=True), subject.stand_in)
    own.update(title=subject.stand_in, body="")
    erase.redact_in(Notification.objects.filter(team_id=subject.team_id), ("title", "body"), subject)
