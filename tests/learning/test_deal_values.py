"""What leads are worth, as their events say it, and how that changes their order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm.models import Contact
from learning import deal_values, lead_features, lead_models, lead_scores
from learning.models import ContactScore, TeamLearning
from people.models import User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 3, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def says(contact: Contact, value: Any, *, days_ago: int = 1, key: str = "amount") -> None:
    builders.make_activity(contact, occurred_at=NOW - days_ago * DAY, data={key: value})


def worth(contact: Contact, key: str = "amount") -> float | None:
    return deal_values.of([contact.pk], key).get(contact.pk)


def test_the_newest_number_counts_whichever_was_recorded_last(manager: User) -> None:
    contact = builders.make_contact(manager)
    assert worth(contact) is None
    says(contact, 900, days_ago=2)
    says(contact, 1200.5)
    says(contact, 300, days_ago=9)
    says(contact, 7, days_ago=0, key="amounts")
    assert worth(contact) == 1200.5
    assert worth(contact, "") is None


def test_a_form_may_say_it_in_words(manager: User) -> None:
    contact = builders.make_contact(manager)
    said = {"form": "Request", "values": {"budget": "12000,50", "n": "1"}}
    builders.make_activity(contact, activity_type="form_submitted", occurred_at=NOW, data=said)
    assert worth(contact, "budget") == 12000.5


@pytest.mark.parametrize("value", ["much", "", "1,200", "-3", -3, None, True, [5], {"amount": 5}, "1e400"])
def test_what_is_no_number_tells_nothing_and_an_earlier_one_stands(manager: User, value: Any) -> None:
    contact = builders.make_contact(manager)
    says(contact, 40, days_ago=3)
    says(contact, value)
    assert worth(contact) == 40


def test_data_of_any_shape_is_passed_over(manager: User) -> None:
    contact = builders.make_contact(manager)
    for data in (["amount"], {"values": ["amount"]}, {"values": "amount"}, "amount"):
        builders.make_activity(contact, data=data)
    assert worth(contact) is None
    assert worth(contact, "a\"b'c.%s") is None


def test_leads_come_by_chance_times_worth_and_one_without_by_the_usual(manager: User) -> None:
    """Alike by their facts: what they are worth decides, once the team says where that is told."""
    contacts = [builders.make_contact(manager, phone="1", company="C", created_at=NOW) for _ in range(9)]
    for n, contact in enumerate(contacts[:-1]):
        says(contact, 1000 * (n + 1))
    says(contacts[-1], "not known")
    lead_features.take_snapshots(manager.team, now=NOW)
    lead_models.train(manager.team, now=NOW)
    lead_scores.refresh(manager.team, now=NOW)
    assert set(ContactScore.objects.values_list("deal_value", flat=True)) == {None}
    assert ContactScore.objects.order_by("rank")[0].contact == contacts[0]
    TeamLearning.objects.create(team=manager.team, deal_value_key="amount")
    lead_scores.refresh(manager.team, now=NOW + DAY)
    ordered = [row.contact for row in ContactScore.objects.order_by("rank").select_related("contact")]
    assert [one for one in ordered if one != contacts[-1]] == contacts[-2::-1]
    assert ordered[4] == contacts[-1], "in the middle: nobody says what it is worth"
    best = ContactScore.objects.get(contact=contacts[7])
    assert (best.deal_value, best.rank, best.priority) == (8000, 0, "urgent")
    assert len(set(ContactScore.objects.values_list("score", flat=True))) == 1, "the score is of winning alone"
    assert lead_scores.refresh(manager.team, now=NOW + DAY).changed == 0
