"""New contacts by the hundred, as `contacts.create` makes one."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from crm import announced
from crm.models import Contact
from jobs import announcing, bell
from jobs.rows import insert_new
from people.models import User


def create_all(rows: Sequence[Contact], *, by: User | None, now: datetime) -> list[Contact]:
    """New contacts of one team, their fields checked before: those whose address was free, now with their ids.

    Be in a transaction. Costs three statements, however many they are.
    """
    for row in rows:
        row.seen_follow_up_at = row.next_follow_up_at
        row.next_touch_at = row.next_follow_up_at or row.next_touch_at
        row.fill_in()
    addressed = {row.email.lower(): row for row in rows if row.email}
    for pk, email in insert_new(list(addressed.values()), returning=("id", "email")):
        addressed[email.lower()].pk = pk
    Contact.objects.bulk_create([row for row in rows if not row.email])
    made = [row for row in rows if row.pk is not None]
    with announcing.together():
        for row in made:
            announced.tell(row, announced.CREATED, now=now, by=by)
    if made:
        transaction.on_commit(lambda: bell.ring(made[0].team_id), robust=True)
    return made
