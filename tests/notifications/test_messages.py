"""Text messages: one part where it can be, never more than two, the link always whole."""

from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.messages import Message, sms

OWN = set("@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡§¿ÄÖÑÜäöñüà") | {
    chr(code) for code in (*range(65, 91), *range(97, 123))
}
DOUBLE = set("^{}\\[~]|€")
LINK = "https://tasks.example.org/tasks/12345"


def made(title: str, link: str = LINK) -> str:
    return sms(Message("id", "overdue", title, "never sent", link))


def parts(text: str) -> int:
    if set(text) <= OWN | DOUBLE:
        size, one, more = sum(2 if letter in DOUBLE else 1 for letter in text), 160, 152
    else:
        size, one, more = len(text.encode("utf-16-le")) // 2, 70, 66
    return 1 if size <= one else -(-size // more)


def test_a_title_of_the_usual_kind_takes_one_part() -> None:
    assert made("Overdue: “Call Bo” today…") == f'Overdue: "Call Bo" today...\n{LINK}'
    assert made("x" * 300) == "x" * 119 + f"...\n{LINK}"
    assert parts(made("x" * 300)) == 1
    assert parts(made("Überfällig: Straße 5 anrufen")) == 1
    assert parts(made("Просрочено: перезвонить")) == 1


@given(st.text(max_size=400), st.sampled_from([LINK, "", f"https://example.org/{'x' * 60}"]))
@settings(max_examples=200)
def test_never_more_than_two_and_the_link_whole(title: str, link: str) -> None:
    text = made(title, link)
    assert text.endswith(link)
    assert parts(text) <= 2
    assert "never sent" not in text


@given(st.text(max_size=4000), st.sampled_from([LINK, ""]))
def test_a_template_gets_one_line_that_fits_with_the_link_whole(body: str, link: str) -> None:
    line = Message("id", "overdue", "7 tasks assigned to you", body, link).line
    assert line.startswith("7 tasks assigned to you")
    assert line.endswith(link)
    assert len(line) < 1_024
    assert line == " ".join(line.split())
