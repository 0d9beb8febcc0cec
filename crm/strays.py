"""Events that came in while their contact was being merged or erased, or for a contact that somebody still held."""

from crm import addresses, erase
from crm.models import Activity


def bring_home(activity: Activity) -> bool:
    """Gives the event of a merged contact to its survivor; an erased contact's is wiped, and the answer is False.

    Ask before anything follows an activity. It writes only for a stray.
    """
    contact = activity.contact
    if contact is None:
        return True
    if contact.erased_at is not None:
        erase.forget([activity])
        return False
    if contact.merged_into_id is not None:
        activity.contact = addresses.survivor_of(contact)
        Activity.objects.filter(pk=activity.pk).update(contact=activity.contact)
    return True
