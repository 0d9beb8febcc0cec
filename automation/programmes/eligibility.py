"""Who may be enrolled in a sequence or campaign, and why not."""

from collections.abc import Iterable

from automation import programmes
from automation.models import Enrolment, ScheduledTaskBatch
from automation.programmes import Outline, Programme, steps
from crm.models import Contact


class Refused(Exception):
    """The contact may not be enrolled; `code` is a word for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AlreadyEnrolled(Refused):
    """The contact is in it already; `batch` names the group of its tasks, `enrolment` its way through."""

    def __init__(self, batch: ScheduledTaskBatch, enrolment: Enrolment | None = None) -> None:
        way = f"batch {batch.pk}" if enrolment is None else f"batch {batch.pk} (enrolment {enrolment.pk})"
        super().__init__(
            "already_enrolled",
            f"The contact is in this {batch.kind} already, as {way}: finish or cancel its tasks, or stop it.",
        )
        self.batch, self.enrolment = batch, enrolment


def refusals(programme: Programme, outline: Outline, contacts: Iterable[Contact]) -> dict[int, Refused]:
    """Who may not be enrolled, by id, in two queries for any number of contacts."""
    contacts = list(contacts)
    mine = Enrolment.objects.filter(
        **{programmes.kind_of(programme): programme}, contact_id__in=[contact.pk for contact in contacts]
    )
    inside: dict[int, Enrolment] = {}
    if programme.reenrol != programme.ALWAYS:
        under_way = mine.filter(state__in=Enrolment.UNDER_WAY).select_related("batch", "sequence", "campaign")
        inside = {enrolment.contact_id: enrolment for enrolment in under_way}
    been: set[int] = set()
    if programme.reenrol == programme.ONCE:
        been = set(mine.values_list("contact_id", flat=True))
    found = {}
    for contact in contacts:
        refusal = _closed(programme) or _unfit(contact, outline)
        if refusal is None and contact.pk in inside:
            holder = inside[contact.pk]
            refusal = AlreadyEnrolled(holder.batch, holder)
        elif refusal is None and contact.pk in been:
            refusal = Refused("been_enrolled", "The contact has been through it, and each goes through it once.")
        if refusal is not None:
            found[contact.pk] = refusal
    return found


def _closed(programme: Programme) -> Refused | None:
    if programme.archived_at is not None or not programme.is_active:
        return Refused("switched_off", f"“{programme.name}” is switched off: switch it on first.")
    return None


def _unfit(contact: Contact, outline: Outline) -> Refused | None:
    """Opt-outs of mail refuse what would send mail; a complaint or a plain no refuses everything."""
    if contact.merged_into_id is not None:
        return Refused("merged", f"The contact was merged into contact {contact.merged_into_id}: enrol that one.")
    if contact.erased_at is not None:
        return Refused("erased", "The contact was erased.")
    if contact.do_not_contact:
        return Refused("do_not_contact", "The contact is not to be contacted.")
    if contact.complained_at is not None:
        return Refused("complained", "The contact complained about a mail: write or call by hand, if at all.")
    if any(step.channel == steps.EMAIL for step in outline.steps):
        if contact.unsubscribed_at is not None:
            return Refused("unsubscribed", "The contact unsubscribed, and a step would send mail.")
        if contact.bounced_at is not None:
            return Refused("bounced", "Mail to the contact bounces, and a step would send some: mend the address.")
    return None
