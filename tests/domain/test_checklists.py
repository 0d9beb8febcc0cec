"""Lines to tick in a description: read in their order, ticked without touching anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import checklists
from domain.checklists import Item, Part

TEXT = "Before you call:\n- [ ] read the last note\n- [x] open the offer\n\n* [X]  know the price \nThen call.\n"

lines = st.one_of(
    st.text(alphabet="ab -*[]xX\t\r", max_size=12),
    st.builds(
        "{}[{}] {}".format, st.sampled_from(["- ", "* ", "  - "]), st.sampled_from(" xX"), st.text("abc", max_size=4)
    ),
)
descriptions = st.lists(lines, max_size=8).map("\n".join)


def items_of(description: str) -> list[Item]:
    return [item for part in checklists.parts(description) for item in part.items]


def test_a_description_is_read_as_text_and_items() -> None:
    assert checklists.parts(TEXT) == [
        Part(text="Before you call:"),
        Part(
            items=(
                Item(0, "read the last note", done=False),
                Item(1, "open the offer", done=True),
                Item(2, "know the price", done=True),
            )
        ),
        Part(text="Then call."),
    ]
    assert checklists.progress(TEXT) == (2, 3)


@pytest.mark.parametrize("line", ["- [] a", "- [ ]", "- [ ]   ", "-[ ] a", "a - [ ] b", "- [y] a", "[ ] a"])
def test_what_only_looks_like_an_item_is_text(line: str) -> None:
    assert checklists.progress(line) == (0, 0)


def test_ticking_changes_one_letter() -> None:
    done = checklists.ticked(TEXT, 0, "read the last note", done=True)
    assert done == TEXT.replace("- [ ] read", "- [x] read")
    assert checklists.ticked(done, 0, "read the last note", done=False) == TEXT


@pytest.mark.parametrize(("place", "words"), [(0, "open the offer"), (3, "call"), (-1, "know the price")])
def test_what_is_not_there_any_more_is_said(place: int, words: str) -> None:
    with pytest.raises(checklists.Gone, match="look at it again"):
        checklists.ticked(TEXT, place, words, done=True)


@given(descriptions)
def test_each_item_can_be_ticked_and_everything_else_stays(description: str) -> None:
    before = items_of(description)
    assert checklists.progress(description) == (sum(item.done for item in before), len(before))
    assert [item.place for item in before] == list(range(len(before)))
    for item in before:
        changed = checklists.ticked(description, item.place, item.words, done=not item.done)
        assert sum(a != b for a, b in zip(description, changed, strict=True)) == 1
        after = items_of(changed)
        assert after[item.place].done is not item.done
        assert [one for one in after if one.place != item.place] == [one for one in before if one.place != item.place]


@given(descriptions)
def test_no_word_is_lost(description: str) -> None:
    shown = "".join(
        part.text + "".join(f"[{'x' if item.done else ' '}]{item.words}" for item in part.items)
        for part in checklists.parts(description)
    )
    letters = str.maketrans("", "", " -*\t\r\nX")
    assert shown.translate(letters).replace("x", "") == description.translate(letters).replace("x", "")
