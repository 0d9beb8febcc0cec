"""Signing in by two steps, and the devices one is signed in on."""

import re
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal import auth as totp
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from people import tokens, two_step
from people.models import Change, User
from tests import builders
from tests.web.conftest import BACKEND, Office

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PASSWORD = "a long password 1"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"


def code(key: str, *, periods: int = 0) -> str:
    counter = int(timezone.now().timestamp()) // two_step.PERIOD_SECONDS + periods
    return str(totp.format_hotp_value(totp.hotp_value(key, counter)))


@pytest.fixture
def person() -> User:
    return builders.make_manager(username="ada", password=PASSWORD)


def signed_in(agent: str = FIREFOX, *, name: str = "ada") -> Client:
    browser = Client(headers={"User-Agent": agent})
    response = browser.post(reverse("account_login"), {"login": name, "password": PASSWORD})
    assert response.status_code == 302
    return browser


def asked_again(browser: Client, name: str) -> None:
    """Gives the password once more on the way to a page."""
    way = reverse(f"web:{name}")
    answer = browser.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": way})
    assert answer.status_code in (200, 302)


@pytest.fixture
def secured(person: User) -> tuple[User, str, list[str]]:
    """One who switched it on a while ago."""
    key, before = two_step.new_key(), timezone.now() - timedelta(hours=1)
    counter = int(before.timestamp()) // two_step.PERIOD_SECONDS
    shown = totp.format_hotp_value(totp.hotp_value(key, counter))
    return person, key, two_step.switch_on(person, key, shown, now=before)


def test_it_is_set_up_with_a_code_and_asked_for_from_then_on(person: User) -> None:
    browser = signed_in()
    asked_again(browser, "two-step")
    page = browser.get(reverse("web:two-step"))
    key = browser.session["two_step_key"]
    assert "data:image/svg+xml" in page.content.decode()
    assert browser.post(reverse("web:two-step"), {"code": "nonsense"}).status_code == 422
    assert browser.session["two_step_key"] == key, "the app need not be set up anew"
    answer = browser.post(reverse("web:two-step"), {"code": code(key)})
    assert two_step.state(person).on
    assert answer.content.decode().count("<li><code>") == 10

    other = Client()
    response = other.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})
    assert response["Location"].startswith(reverse("mfa_authenticate"))
    assert other.get("/")["Location"].startswith("/accounts/login/"), "not in yet"
    refused = other.post(reverse("mfa_authenticate"), {"code": code(key)})
    assert "used already" in refused.content.decode()
    assert other.post(reverse("mfa_authenticate"), {"code": code(key, periods=1)})["Location"] == "/"
    assert other.get("/").status_code == 200


def test_a_recovery_code_lets_in(secured) -> None:
    _person, _key, codes = secured
    browser = Client()
    browser.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})
    assert browser.post(reverse("mfa_authenticate"), {"code": codes[0]})["Location"] == "/"


def test_the_code_alone_is_no_way_in(secured) -> None:
    _person, key, _codes = secured
    browser = Client()
    assert browser.post(reverse("mfa_authenticate"), {"code": code(key)})["Location"] == reverse("account_login")
    assert "_auth_user_id" not in browser.session


def test_the_administration_has_no_way_round_it(secured) -> None:
    person, _key, _codes = secured
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    browser = Client()
    answer = browser.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert answer["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize("name", ["address", "two-step", "two-step-off", "two-step-codes"])
def test_what_weakens_or_changes_it_asks_again_who_it_is(name: str, person: User) -> None:
    answer = signed_in().post(reverse(f"web:{name}"), {"code": "1"})
    assert answer["Location"].startswith(reverse("account_reauthenticate"))


def test_asked_again_by_code_one_goes_on_where_one_was(secured, browser_of) -> None:
    person, key, _codes = secured
    browser = browser_of(person)
    way = browser.post(reverse("web:two-step-off"))["Location"]
    page = browser.get(way, follow=True)
    assert page.status_code == 200
    browser.post(reverse("mfa_reauthenticate"), {"code": code(key), "next": reverse("web:two-step-off")})
    assert not two_step.state(person).on


def test_switched_off_the_password_is_enough(secured) -> None:
    person, key, _codes = secured
    browser = Client()
    browser.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})
    browser.post(reverse("mfa_authenticate"), {"code": code(key)})
    browser.post(reverse("web:two-step-off"))
    asked_again(browser, "two-step-off")
    assert not two_step.state(person).on
    assert signed_in().get("/").status_code == 200


def test_devices_are_listed_and_ended_one_by_one(person: User) -> None:
    mine, other = signed_in(), signed_in("curl/8.5")
    html = mine.get(reverse("web:security")).content.decode()
    assert "Firefox on Windows" in html
    assert "curl" in html
    row = UserSession.objects.get(user_agent="curl/8.5")
    assert mine.post(reverse("web:device-end", args=[row.pk])).status_code == 302
    assert other.get("/").status_code == 302
    assert mine.get("/").status_code == 200


def test_nobody_ends_the_session_of_another(person: User, office: Office, browser_of) -> None:
    browser = signed_in()
    row = UserSession.objects.get()
    assert browser_of(office.manager).post(reverse("web:device-end", args=[row.pk])).status_code == 404
    assert browser.get("/").status_code == 200


def test_everywhere_else_is_everywhere_else(person: User, office: Office, browser_of) -> None:
    mine, noted, unnoted, stranger = signed_in(), signed_in("a"), browser_of(person), browser_of(office.member)
    mine.post(reverse("web:devices-end"))
    assert [one.get("/").status_code for one in (mine, noted, unnoted, stranger)] == [200, 302, 302, 200]
    assert UserSession.objects.count() == 1
    assert Session.objects.count() == 2


def test_sign_ins_and_wrong_passwords_are_shown(person: User) -> None:
    browser = signed_in()
    for _ in range(2):
        Client().post(reverse("account_login"), {"login": "ada", "password": "guessed wrong"})
    html = browser.get(reverse("web:security")).content.decode()
    assert "A wrong password was given 2 times from 127.0.0.1" in html
    sign_ins = html.split('id="sign-ins"')[1]
    assert "Firefox on Windows" in sign_ins


def test_a_password_is_changed_from_the_page_and_signs_out_elsewhere(person: User) -> None:
    mine, other = signed_in(), signed_in()
    form = {"oldpassword": PASSWORD, "password1": "another one 123", "password2": "another one 123"}
    assert mine.post(reverse("account_change_password"), form)["Location"] == reverse("web:security")
    assert mine.get(reverse("web:security")).status_code == 200
    assert other.get("/").status_code == 302


def test_the_page_asks_as_often_for_ten_devices_as_for_one(person: User, django_assert_max_num_queries) -> None:
    browser = signed_in()
    for _ in range(9):
        signed_in()
    with django_assert_max_num_queries(14):
        browser.get(reverse("web:security"))


def test_whoever_runs_the_installation_helps_one_who_lost_the_phone(secured, browser_of) -> None:
    person, _key, _codes = secured
    boss = builders.make_user(is_superuser=True, is_staff=True)
    form = {"action": "two_step_off", "_selected_action": [person.pk]}
    assert browser_of(boss).post(reverse("admin:people_user_changelist"), form).status_code == 302
    assert not two_step.state(person).on
    assert Change.objects.latest("pk").actor == boss


def test_ones_own_address_is_changed_by_who_gave_the_password(person: User, mailoutbox: list, settings) -> None:
    """A link for a new password goes to it, and to none that was theirs before."""
    settings.MAILS = True
    User.objects.filter(pk=person.pk).update(email="ada@old.example")
    Client().post("/accounts/password/reset/", {"email": "ada@old.example"})
    assert [mail.to for mail in mailoutbox] == [["ada@old.example"]]
    there = reverse("web:address")
    left_open = Client()
    left_open.force_login(person, backend=BACKEND)
    answer = left_open.post(there, {"email": "ada@new.example"})
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert User.objects.get(pk=person.pk).email == "ada@old.example"
    browser = signed_in()
    asked_again(browser, "address")
    browser.post(there, {"email": "ada@new.example"})
    assert User.objects.get(pk=person.pk).email == "ada@new.example"
    mailoutbox.clear()
    Client().post("/accounts/password/reset/", {"email": "ada@old.example"})
    Client().post("/accounts/password/reset/", {"email": "ada@new.example"})
    assert [mail.to for mail in mailoutbox if User.objects.get(pk=person.pk).username in mail.body] == [
        ["ada@new.example"]
    ]
    assert browser.post(there, {"email": "no address"}, follow=True).context["messages"]
    assert User.objects.get(pk=person.pk).email == "ada@new.example"


def test_nobody_gives_a_person_another_address_behind_their_back(person: User) -> None:
    manager = builders.make_manager(team=person.team)

    def give(by: User, to: User, address: str) -> int:
        headers = {"Authorization": f"Bearer {builders.make_token(by)}"}
        return (
            Client()
            .patch(f"/api/users/{to.pk}", {"email": address}, content_type="application/json", headers=headers)
            .status_code
        )

    assert give(manager, person, "ada@mistyped.example") == 200, "nobody has signed in yet"
    signed_in()
    assert give(manager, person, "mallory@example.org") == 422
    User.objects.filter(pk=manager.pk).update(last_login=timezone.now())
    assert give(manager, manager, "mallory@example.org") == 422, "a program with their token is not they"
    browser = Client()
    browser.force_login(manager, backend=BACKEND)
    form = {"first_name": "Ada", "username": "ada", "email": "mallory@example.org", "role": "member"}
    page = browser.post(reverse("web:member-account", args=[person.pk]), form | {"focus_factor": "1"})
    assert "Only they themselves change it" in page.content.decode()
    assert User.objects.get(pk=person.pk).email == "ada@mistyped.example"


def test_a_first_password_is_taken_as_it_is(person: User) -> None:
    headers = {"Authorization": f"Bearer {builders.make_token(person)}"}
    body = {"username": "bo", "password": "  spaces are mine too  "}
    made = Client().post("/api/users", body, content_type="application/json", headers=headers)
    assert made.status_code == 201, made.content
    assert User.objects.get(username="bo").check_password("  spaces are mine too  ")


OWN = {"oldpassword": PASSWORD, "password1": "another one 123", "password2": "another one 123"}
ADMIN = {"password1": "another one 123", "password2": "another one 123"}


def lives(secret: str) -> bool:
    return tokens.authenticate(secret, now=timezone.now()) is not None


def test_with_ones_password_ones_tokens_end_unless_one_keeps_them(person: User) -> None:
    other = builders.make_token(builders.make_user(team=person.team))
    browser = signed_in()
    there = reverse("web:security")
    assert "revoke_tokens" not in browser.get(there).content.decode(), "there are none"
    secret = builders.make_token(person)
    page = browser.get(there).content.decode()
    assert re.search(r'name="revoke_tokens"[^>]* checked', page)
    browser.post(reverse("account_change_password"), OWN | {"oldpassword": "wrong", "revoke_tokens": "on"})
    assert lives(secret), "the password was not changed"
    browser.post(reverse("account_change_password"), OWN)
    assert lives(secret)
    form = {"oldpassword": "another one 123", "password1": "a third one 99", "password2": "a third one 99"}
    browser.post(reverse("account_change_password"), form | {"revoke_tokens": "on"})
    assert not lives(secret)
    assert lives(other)
    assert Change.objects.get(kind="token", verb="revoked").actor == person


@pytest.mark.parametrize("ends", [True, False])
def test_a_link_for_a_new_password_ends_tokens_too(person: User, mailoutbox: list, settings, *, ends: bool) -> None:
    settings.MAILS = True
    secret, browser = builders.make_token(person), Client()
    browser.post("/accounts/password/reset/", {"email": person.email})
    (link,) = re.findall(r"http://[^/]+(/\S+)", mailoutbox[0].body)
    form = browser.get(link, follow=True)
    assert re.search(r'name="revoke_tokens"[^>]* checked', form.content.decode())
    new = {"password1": "quite another 5", "password2": "quite another 5"} | ({"revoke_tokens": "on"} if ends else {})
    assert browser.post(form.request["PATH_INFO"], new).status_code == 302
    assert lives(secret) is not ends


@pytest.mark.parametrize("ends", [True, False])
def test_a_superuser_who_sets_a_password_ends_tokens_by_default(person: User, browser_of, *, ends: bool) -> None:
    secret, boss = builders.make_token(person), builders.make_user(is_superuser=True, is_staff=True)
    browser, there = browser_of(boss), reverse("admin:auth_user_password_change", args=[person.pk])
    box = re.search(r'<input[^>]*name="revoke_tokens"[^>]*>', browser.get(there).content.decode())
    assert box is not None
    assert "checked" in box[0]
    given = {"revoke_tokens": "on"} if ends else {}
    browser.post(there, ADMIN | {"password2": "mistyped"} | given)
    assert lives(secret), "the password was not changed"
    assert browser.post(there, ADMIN | given).status_code == 302
    assert User.objects.get(pk=person.pk).check_password("another one 123")
    assert lives(secret) is not ends
    assert [line.actor for line in Change.objects.filter(kind="token", verb="revoked")] == ([boss] if ends else [])


@pytest.mark.parametrize(
    ("wanted", "led"),
    [("nobody", set()), ("managers", {"manager", "superuser"}), ("all", {"manager", "superuser", "member"})],
)
def test_an_installation_says_of_whom_a_second_step_is_required(
    wanted: str, led: set[str], office: Office, browser_of, settings
) -> None:
    settings.TWO_STEP_FOR = wanted
    boss = builders.make_user(team=office.member.team, is_superuser=True, is_staff=True)
    people = {"member": office.member, "manager": office.manager, "superuser": boss}
    for name, somebody in people.items():
        answer = browser_of(somebody).get("/tasks")
        assert answer.headers.get("Location") == (reverse("web:two-step") if name in led else None), name


def test_who_has_to_set_it_up_reaches_nothing_else_until_then(person: User, settings) -> None:
    settings.TWO_STEP_FOR = "all"
    User.objects.filter(pk=person.pk).update(is_superuser=True, is_staff=True)
    secret, browser, there = builders.make_token(person), signed_in(), reverse("web:two-step")
    ways = ("/", "/tasks", "/settings/security", "/admin/", "/admin/people/user/", "/accounts/password/change/")
    assert {browser.get(way).headers.get("Location") for way in ways} == {there}
    assert browser.post(reverse("account_change_password"), OWN)["Location"] == there
    assert browser.get("/tasks", headers={"Authorization": "Bearer nonsense"})["Location"] == there
    assert browser.get("/tasks", headers={"HX-Request": "true"})["HX-Redirect"] == there
    for way in ("/api/tasks", "/metrics"):
        refused = browser.get(way)
        assert refused.status_code == 403, way
        assert there in refused.json()["detail"], "what to do"
    assert browser.get("/api/tasks", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code == 200

    page = browser.get(there)
    assert page.status_code == 200
    assert "hx-get" not in page.content.decode(), "nothing is asked for that it may not have"
    assert browser.post(there, {"code": "nonsense"}).status_code == 422
    assert browser.post(there, {"code": code(browser.session["two_step_key"])}).status_code == 200
    assert [browser.get(way).status_code for way in ("/tasks", "/api/tasks", "/admin/people/user/")] == [200] * 3

    browser.post(reverse("web:two-step-off"))
    assert two_step.state(person).on, "it stays on while it is required"
    two_step.switch_off(person, by=None, now=timezone.now())
    assert browser.get("/tasks")["Location"] == there, "whoever lost the phone sets up another"


def test_who_has_to_set_it_up_can_leave_and_is_asked_again_in_a_session_of_before(person: User, settings) -> None:
    settings.TWO_STEP_FOR = "managers"
    browser = Client()
    browser.force_login(person, backend=BACKEND)
    assert browser.get(reverse("web:two-step"))["Location"].startswith(reverse("account_reauthenticate"))
    asked_again(browser, "two-step")
    assert browser.get(reverse("web:two-step")).status_code == 200
    assert browser.post(reverse("account_logout"))["Location"] == reverse("account_login")
