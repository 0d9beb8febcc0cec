"""On whose clock a contact's hours are told, and from where that is known."""

from zoneinfo import ZoneInfo, available_timezones

import pytest

from crm import phones
from learning import zones
from tests import builders

LISBON, WARSAW, BERLIN = "+351912345678", "+48512345678", "+4915112345678"


@pytest.mark.django_db
@pytest.mark.database
@pytest.mark.parametrize(
    ("own", "phone", "owner", "zone", "source"),
    [
        ("Asia/Tokyo", WARSAW, "Europe/Paris", "Asia/Tokyo", "contact"),
        ("", WARSAW, "Europe/Paris", "Europe/Warsaw", "phone"),
        ("", LISBON, "Europe/Paris", "Europe/Paris", "owner"),
        ("Atlantis", BERLIN, "Europe/Paris", "Europe/Berlin", "phone"),
        ("", "+12025550123", "Europe/Paris", "Europe/Paris", "owner"),
        ("", "+18095551234", "Europe/Paris", "America/Santo_Domingo", "phone"),
        ("", "+80012345678", "", "Europe/Vienna", "team"),
        ("", "", "Atlantis", "Europe/Vienna", "team"),
        ("", "123", "Europe/Paris", "Europe/Paris", "owner"),
    ],
)
def test_the_zone_is_the_contact_s_or_a_guess_that_says_so(
    own: str, phone: str, owner: str, zone: str, source: str
) -> None:
    team = builders.make_team(timezone="Europe/Vienna")
    contact = builders.make_contact(builders.make_user(team=team, timezone=owner), phone=phone)
    contact.timezone = own  # past the check: rows written by hand may say anything
    found, told = zones.zone_of(contact, team)
    assert (found.name, told) == (zone, source)


def test_a_country_has_a_zone_where_its_clocks_tell_alike() -> None:
    """Busingen tells the time of Berlin; the Azores and the Canary Islands do not tell that of their capitals."""
    told = {one: zones.zone_of_country(one) for one in ("DE", "PL", "PT", "ES", "BR", "US", "XX", "")}
    assert told == dict.fromkeys(told, "") | {"DE": "Europe/Berlin", "PL": "Europe/Warsaw"}


def test_every_zone_that_is_guessed_exists() -> None:
    guessed = {zones.zone_of_country(country) for country in zones._zones()} - {""}
    assert len(guessed) > 200
    assert guessed <= available_timezones()
    assert all(ZoneInfo(name) for name in guessed)


@pytest.mark.parametrize(
    ("number", "country"), [(LISBON, "PT"), (BERLIN, "DE"), ("+80012345678", ""), ("", ""), ("x", "")]
)
def test_a_number_tells_its_country(number: str, country: str) -> None:
    assert phones.country_of(number) == country
