"""The second step of a sign-in: which codes are taken, once, and when nothing is taken for a while."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp

from people import sealing, two_step
from people.models import Change, User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 3, 2, 9, 0, 5, tzinfo=UTC)


def code(key: str, at: datetime) -> str:
    return str(totp.format_hotp_value(totp.hotp_value(key, int(at.timestamp()) // two_step.PERIOD_SECONDS)))


def wrong(key: str) -> str:
    """Six digits that are no code of around now."""
    taken = {code(key, NOW + timedelta(seconds=30 * n)) for n in range(-40, 40)}
    return next(text for n in range(100) if (text := f"{n:06}") not in taken)


@pytest.fixture
def somebody() -> tuple[User, str, list[str]]:
    """With two steps since an hour ago, their key and their recovery codes."""
    user, key = builders.make_user(), two_step.new_key()
    before = NOW - timedelta(hours=1)
    return user, key, two_step.switch_on(user, key, code(key, before), now=before)


def test_it_is_on_once_the_app_showed_a_right_code(somebody) -> None:
    user, key, codes = somebody
    assert len(set(codes)) == 10
    assert two_step.state(user) == two_step.State(two_step.state(user).on_since, 10)
    assert two_step.state(user).on
    line = Change.objects.get()
    assert (line.kind, line.verb, line.actor, line.after) == ("member", "two-step on", user, {"two_step": True})
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert key not in kept, "the key is sealed"
    assert sealing.unseal(Authenticator.objects.get(type="totp").data["secret"]) == key


def test_a_wrong_code_switches_nothing_on() -> None:
    user, key = builders.make_user(), two_step.new_key()
    with pytest.raises(two_step.BadCode, match="clock"):
        two_step.switch_on(user, key, wrong(key), now=NOW)
    assert not two_step.state(user).on
    assert not Change.objects.exists()


@pytest.mark.parametrize("periods", [-1, 0, 1])
def test_a_code_is_taken_once_from_a_clock_that_is_half_a_minute_off(periods: int, somebody) -> None:
    user, key, _codes = somebody
    text = code(key, NOW + timedelta(seconds=30 * periods))
    assert two_step.check(user, f"{text[:3]} {text[3:]}", now=NOW).type == "totp"
    with pytest.raises(two_step.BadCode, match="used already"):
        two_step.check(user, text, now=NOW)


@pytest.mark.parametrize("text", ["", "12345", "é23456", "0" * 200, "\x00"])
def test_what_is_no_code_is_refused(text: str, somebody) -> None:
    with pytest.raises(two_step.BadCode):
        two_step.check(somebody[0], text, now=NOW)


def test_older_and_later_codes_are_refused(somebody) -> None:
    user, key, _codes = somebody
    for periods in (-2, 2):
        with pytest.raises(two_step.BadCode):
            two_step.check(user, code(key, NOW + timedelta(seconds=30 * periods)), now=NOW)


def test_a_recovery_code_is_good_once(somebody) -> None:
    user, _key, codes = somebody
    assert two_step.check(user, codes[3], now=NOW).type == "recovery_codes"
    assert two_step.state(user).codes_left == 9
    with pytest.raises(two_step.BadCode):
        two_step.check(user, codes[3], now=NOW)


def test_new_recovery_codes_take_the_place_of_the_old(somebody) -> None:
    user, _key, codes = somebody
    newer = two_step.renew_codes(user, now=NOW)
    assert not set(newer) & set(codes)
    with pytest.raises(two_step.BadCode):
        two_step.check(user, codes[0], now=NOW)
    assert two_step.check(user, newer[0], now=NOW).type == "recovery_codes"


def test_after_five_wrong_ones_nothing_is_taken_for_five_minutes(somebody) -> None:
    user, key, codes = somebody
    for _ in range(two_step.MOST_WRONG):
        with pytest.raises(two_step.BadCode, match="not right"):
            two_step.check(user, wrong(key), now=NOW)
    for right in (code(key, NOW), codes[0]):
        with pytest.raises(two_step.BadCode, match="five minutes"):
            two_step.check(user, right, now=NOW)
    later = NOW + two_step.SHUT_FOR
    assert two_step.check(user, code(key, later), now=later).type == "totp"


def test_a_right_code_forgets_the_wrong_ones(somebody) -> None:
    user, key, codes = somebody
    for right in codes[:3]:
        for _ in range(two_step.MOST_WRONG - 1):
            with pytest.raises(two_step.BadCode, match="not right"):
                two_step.check(user, wrong(key), now=NOW)
        two_step.check(user, right, now=NOW)


def test_switched_off_it_leaves_nothing(somebody) -> None:
    user, key, codes = somebody
    boss = builders.make_manager(team=user.team)
    assert two_step.switch_off(user, by=boss, now=NOW)
    assert not two_step.switch_off(user, by=boss, now=NOW), "once"
    assert not Authenticator.objects.exists()
    line = Change.objects.latest("pk")
    assert (line.verb, line.actor, line.subject_id) == ("two-step off", boss, str(user.pk))
    for text in (code(key, NOW), codes[0]):
        with pytest.raises(two_step.BadCode):
            two_step.check(user, text, now=NOW)
    with pytest.raises(two_step.BadCode):
        two_step.renew_codes(user, now=NOW)


def test_codes_of_one_are_nothing_to_another(somebody) -> None:
    _user, key, codes = somebody
    other, theirs = builders.make_user(), two_step.new_key()
    two_step.switch_on(other, theirs, code(theirs, NOW - timedelta(hours=1)), now=NOW - timedelta(hours=1))
    for text in (code(key, NOW), codes[0]):
        with pytest.raises(two_step.BadCode):
            two_step.check(other, text, now=NOW)


def test_with_another_key_of_the_installation_it_says_whom_to_ask(somebody, settings) -> None:
    user, key, codes = somebody
    settings.SECRET_KEY = "another one"
    for text in (code(key, NOW), codes[0]):
        with pytest.raises(two_step.BadCode, match="NEXTMOVE_SECRET_KEY"):
            two_step.check(user, text, now=NOW)
    assert two_step.state(user).codes_left == 10
    assert two_step.switch_off(user, by=None, now=NOW)
