"""Reading files: encodings, delimiters, line numbers, dates and numbers, and what is refused before it can hurt."""

import contextlib
import io
import zipfile
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.files import headers, reading, sheets, values, workbooks
from domain.files.sheets import TooLarge, Unreadable

BERLIN = ZoneInfo("Europe/Berlin")
TEXT = "Name;Größe\nJosé Müller;1\nZoë;„2“\n"


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_found_out(encoding: str, found: str) -> None:
    sheet = reading.opened(TEXT.encode(encoding))
    assert (sheet.encoding, sheet.delimiter, sheet.columns) == (found, ";", ["Name", "Größe"])
    assert [row.cells for row in sheet.rows] == [["José Müller", "1"], ["Zoë", "„2“"]]


def test_other_alphabets_and_what_the_caller_says() -> None:
    text = "Имя,Город\nАнна Иванова,Санкт-Петербург\nПётр Сергеевич,Москва\n"  # noqa: RUF001
    assert reading.opened(text.encode("cp1251")).encoding == "cp1251"
    assert reading.opened("Ñandú\n".encode("mac_roman"), encoding="mac-roman").columns == ["Ñandú"]
    for wrong in ("utf-16", "klingon", "idna"):
        with pytest.raises(Unreadable):
            reading.opened(b"abc", encoding=wrong)


WESTERN = ["Jürgen Müller", "Käthe Weiß", "Jörg Öztürk", "Zoë Noël", "José Peña", "Peter"]


@given(st.lists(st.sampled_from(WESTERN), min_size=1, max_size=6))
def test_a_short_western_file_of_windows_is_never_taken_for_one_of_dos_or_of_a_mac(names: list[str]) -> None:
    text = "Name;Mail\n" + "".join(f"{name};x@x.org\n" for name in names)
    assert reading.opened(text.encode("cp1252")).encoding not in ("cp850", "mac_roman")


def test_files_of_dos_are_found_out_by_their_letters() -> None:
    text = "Name;Firma\n" + "".join(f"{name};Größe\n" for name in WESTERN)
    sheet = reading.opened(text.encode("cp850"))
    assert (sheet.encoding, [row.cells[0] for row in sheet.rows]) == ("cp850", WESTERN)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiters_and_lines(delimiter: str, newline: str) -> None:
    lines = ["A{0}B", "1{0}2, 3; 4", '"x{0}y', 'z"{0}2', "", '"broken" q{0}3', "last{0}1{0}2"]
    text = newline.join(lines).format(delimiter)
    if delimiter in ",;":
        text = text.replace("2, 3; 4", '"2, 3; 4"')
    sheet = reading.opened(text.encode())
    assert sheet.delimiter == delimiter
    rows = list(sheet.rows)
    assert [row.line for row in rows] == [2, 3, 6, 7]
    assert [bool(row.faults) for row in rows] == [False, False, True, True]


def test_a_workbook_is_text_with_its_errors_named() -> None:
    book = openpyxl.Workbook()
    book.active.title = "Empty"
    sheet = book.create_sheet("Rows")
    for line in (
        ["Name", "When", "N", None, "Name"],
        ["Ada", datetime(2026, 3, 4, 9, 30), 5.0],  # noqa: DTZ001 (as workbooks have them)
        [],
        ["=X()", True, 1.5],
    ):
        sheet.append(line)
    sheet["B4"] = "#REF!"
    file = io.BytesIO()
    book.save(file)
    found = reading.opened(file.getvalue())
    assert found.columns == ["Name", "When", "N", "Column D", "Name (2)"]
    ada, second = found.rows
    assert (ada.line, ada.cells[:3]) == (2, ["Ada", "2026-03-04T09:30:00", "5"])
    assert second.line == 4
    assert "B4" in second.faults["When"]


def test_bombs_are_refused_before_they_are_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in range(5):
            archive.writestr(f"xl/worksheets/sheet{part}.xml", b"0" * (100 * 2**20))
    assert len(file.getvalue()) < 2**20
    with pytest.raises(TooLarge):
        reading.opened(file.getvalue())
    with pytest.raises(TooLarge):
        reading.opened(b"a," * 300)
    with pytest.raises(TooLarge):
        reading.opened(b"x" * (reading.MOST_BYTES + 1))
    with pytest.raises(Unreadable, match=r"\.xls"):
        reading.opened(b"\xd0\xcf\x11\xe0" + b"0" * 100)
    assert workbooks.MOST_UNPACKED > workbooks.MOST_SHARED


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 3)
    with pytest.raises(TooLarge):
        list(reading.opened(b"A\n1\n2\n3\n4\n").rows)


def test_cards_of_three_versions_each_with_its_line() -> None:
    cards = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\n  Byron\r\nEMAIL;TYPE=work:w@x.org\r\nEMAIL;TYPE=pref:a@x.org\r\n"
        "ORG:Lumen;Sales\r\nCATEGORIES:vip,b\r\nPHOTO;ENCODING=b:AAAA\r\n AAAA\r\nUID:urn:uuid:77\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Noël\r\nTEL;VALUE=uri;PREF=1:tel:+33-1\r\nTZ:Europe/Paris\r\nEND:VCARD\r\n"
        "BEGIN:VCARD\r\nFN:cut off\r\n"
    )
    rows = list(reading.opened(cards.encode()).rows)
    assert [row.line for row in rows] == [1, 13, 17, 23]
    assert rows[0].cells == ["Ada Byron", "a@x.org", "", "Lumen", "", "vip; b", "77"]
    assert rows[1].cells[0] == "Jörg Müller"
    assert rows[2].cells == ["Noël", "", "+33-1", "", "Europe/Paris", "", ""]
    assert "END:VCARD" in rows[3].faults[sheets.WHOLE]


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: f"A,B\n{text}".encode("utf-8", "replace")))
@example(b"BEGIN:VCARD\n" * 50)
@example(b"PK\x03\x04")
@settings(max_examples=150)
def test_whatever_the_bytes_it_is_a_sheet_or_a_clear_refusal(data: bytes) -> None:
    with contextlib.suppress(Unreadable, TooLarge):
        sheet = reading.opened(data)
        for row in sheet.rows:
            assert len(row.cells) == len(sheet.columns)


@pytest.mark.parametrize(
    ("text", "day_first", "meant"),
    [
        ("2026-03-04", None, (2026, 3, 4, 16, 0)),
        ("2026-07-04 09:30", None, (2026, 7, 4, 7, 30)),
        ("2026-07-04T00:00", None, (2026, 7, 3, 22, 0)),
        ("2026-03-04T09:30:00Z", None, (2026, 3, 4, 9, 30)),
        ("04.03.2026", None, (2026, 3, 4, 16, 0)),
        ("4.3.2026 8:15", None, (2026, 3, 4, 7, 15)),
        ("25/12/2026", None, (2026, 12, 25, 16, 0)),
        ("12/25/2026 3:30 pm", None, (2026, 12, 25, 14, 30)),
        ("03/04/2026", True, (2026, 4, 3, 15, 0)),
        ("03/04/2026", False, (2026, 3, 4, 16, 0)),
        ("4 Mar 2026", None, (2026, 3, 4, 16, 0)),
        ("March 4th, 2026 12:00 AM", None, (2026, 3, 3, 23, 0)),
    ],
)
def test_dates(text: str, day_first: bool | None, meant: tuple[int, ...]) -> None:
    found = values.instant(text, zone=BERLIN, at=time(17), day_first=day_first)
    assert found == datetime(*meant, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2026",
        "3/4/26",
        "31.02.2026",
        "13/13/2026",
        "soon",
        "2026-13-01",
        "1 Foo 2026",
        "4.3.2026 25:00",
        "9999-01-01",
    ],
)
def test_what_is_no_date_or_two(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        values.instant(text, zone=BERLIN, at=time(17), day_first=None)


def test_numbers_and_words() -> None:
    assert [str(values.number(text)) for text in ("1.5", "1,5", "-3", "0,125")] == ["1.5", "1.5", "-3", "0.125"]
    for wrong in ("1,500", "1.000,5", "x", "1e9", "NaN", "\u0661"):
        with pytest.raises(ValueError, match=r"."):
            values.number(wrong)
    assert values.yes_or_no("X")
    assert not values.yes_or_no("nein")


def test_columns_are_known_by_their_names() -> None:
    fields = [headers.Field("email", "E-mail", ("Mail",)), headers.Field("name", "Name")]
    found = headers.recognised(["e mail", "MAIL", "na_me", "else"], fields)
    assert found == {"e mail": "email", "MAIL": "", "na_me": "name", "else": ""}
    for wrong in ({"gone": "name"}, {"else": "nme"}, {"else": "name", "MAIL": "name"}):
        with pytest.raises(Unreadable):
            headers.chosen(["e mail", "MAIL", "na_me", "else"], fields, wrong)


def test_a_name_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(Unreadable, match="column B"):
        reading.opened(b"Name,a\0b\n1,2\n")


def test_a_long_cell_of_many_lines_is_one_fault_and_its_lines_are_no_rows() -> None:
    long = "line\n" * 40_000
    rows = list(reading.opened(f'Name,Mail\n"{long}",a@x.org\nBob,b@x.org\n'.encode()).rows)
    assert [(row.line, row.cells) for row in rows] == [(2, ["", "a@x.org"]), (40_003, ["Bob", "b@x.org"])]
    assert "longer than" in rows[0].faults["Name"]


def card(*lines: str) -> list[str]:
    (row,) = reading.opened("\r\n".join(["BEGIN:VCARD", "FN:Zoë", *lines, "END:VCARD", ""]).encode()).rows
    return row.cells


def test_of_several_the_preferred_one_counts() -> None:
    four = card("VERSION:4.0", "EMAIL:c@x.org", "EMAIL;PREF=2:b@x.org", "EMAIL;PREF=1:a@x.org")
    three = card("VERSION:3.0", "EMAIL;TYPE=HOME:b@x.org", "EMAIL;TYPE=WORK,PREF:a@x.org")
    two = card("VERSION:2.1", "EMAIL;HOME:b@x.org", "EMAIL;PREF:a@x.org")
    assert {four[1], three[1], two[1]} == {"a@x.org"}
    assert card("VERSION:4.0", "EMAIL:first@x.org", "EMAIL:second@x.org")[1] == "first@x.org"


def test_a_card_without_its_end_takes_no_other_with_it() -> None:
    ada, eve, bob = (f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nEND:VCARD\n" for name in ("Ada", "Eve", "Bob"))
    agent = f"BEGIN:VCARD\nVERSION:2.1\nFN:Boss\nAGENT:\n{eve}EMAIL:boss@x.org\nEND:VCARD\n"
    rows = list(reading.opened((ada + eve.replace("END:VCARD\n", "") + bob + agent).encode()).rows)
    assert [(row.line, row.cells[0], bool(row.faults)) for row in rows] == [
        (1, "Ada", False),
        (5, "", True),
        (8, "Bob", False),
        (12, "Boss", False),
    ]
    assert rows[3].cells[1] == "boss@x.org"


def test_text_in_base64_is_text() -> None:
    assert card("VERSION:3.0", "TEL;ENCODING=b:KzQ5IDE=")[2] == "+49 1"
    (row,) = reading.opened(b"BEGIN:VCARD\nVERSION:3.0\nFN;ENCODING=b://///w==\nEND:VCARD\n").rows
    assert row.faults


def sheet_of(*rows: str) -> bytes:
    """A workbook whose one sheet has these rows as XML."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["x"])
    book.save(out)
    made = io.BytesIO()
    with zipfile.ZipFile(out) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            data = source.read(part)
            if part == "xl/worksheets/sheet1.xml":
                lead, _, rest = data.decode().partition("<sheetData>")
                data = f"{lead}<sheetData>{''.join(rows)}</sheetData>{rest.partition('</sheetData>')[2]}".encode()
            target.writestr(part, data)
    return made.getvalue()


def cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def row(number: int, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def test_rows_are_read_as_they_stand_whatever_their_numbers() -> None:
    """None is made up for a gap, however wide; none is lost that is out of order."""
    numbers = [999_999_999, 7, 7, 3]
    data = sheet_of(row(1, cell("A1", "Name")), *(row(n, cell(f"A{n}", f"N{n}")) for n in numbers))
    assert [(row.line, row.cells) for row in reading.opened(data).rows] == [(n, [f"N{n}"]) for n in numbers]


def test_a_cell_far_off_is_not_overlooked() -> None:
    (found,) = reading.opened(sheet_of(row(1, cell("A1", "Name")), row(2, cell("A2", "Ada"), cell("XFD2", "x")))).rows
    assert sheets.WHOLE in found.faults
    with pytest.raises(TooLarge):
        reading.opened(sheet_of(row(1, cell("A1", "Name"), cell("XFD1", "Far"))))


def test_empty_rows_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "MOST_LINES", 1_000)
    with pytest.raises(TooLarge, match="empty ones too"):
        reading.opened(sheet_of(*(row(n) for n in range(1, 2_000))))


def test_a_formula_that_nobody_worked_out_is_no_empty_cell() -> None:
    formula = '<c r="B2"><f>A2&amp;"@x.org"</f><v></v></c>'
    empty = '<c r="B3" t="str"><f>""</f><v></v></c>'
    known = '<c r="B4" t="str"><f>A4&amp;"@x.org"</f><v>cy@x.org</v></c>'
    head = row(1, cell("A1", "Name"), cell("B1", "Mail"))
    lines = [row(2, cell("A2", "Ada"), formula), row(3, cell("A3", "Bo"), empty), row(4, cell("A4", "Cy"), known)]
    found = list(reading.opened(sheet_of(head, *lines)).rows)
    assert [one.cells for one in found] == [["Ada", ""], ["Bo", ""], ["Cy", "cy@x.org"]]
    assert "B2 was never worked out" in found[0].faults["Mail"]
    assert not found[1].faults
