"""Bytes to text: by mark, as UTF-8, else by what the letters look like. The caller may say it, and then it holds."""

import codecs

import charset_normalizer

from domain.files.sheets import Unreadable

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LEGACY = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "iso8859_2", "iso8859_15", "koi8_r", "cp850",
    "mac_roman", "shift_jis", "euc_jp", "euc_kr", "gb18030", "big5",
)  # fmt: skip
"""Tried when the bytes are no Unicode; Western first, which wins where several read the same."""
ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", *LEGACY)
SAMPLE = 64 * 1024


def text_of(data: bytes, encoding: str = "") -> tuple[str, str]:
    """The text, and the encoding it was read by. Raises Unreadable."""
    if encoding:
        return _as_said(data, encoding)
    for mark, name in MARKS:
        if data.startswith(mark):
            return _decoded(data, name), "utf-8" if name == "utf-8-sig" else name
    if wide := _wide(data):
        return _decoded(data, wide), wide
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        name = _guessed(data)
    return _decoded(data, name), name


def _as_said(data: bytes, encoding: str) -> tuple[str, str]:
    name = encoding.strip().lower().replace("_", "-")
    known = {one.replace("_", "-"): one for one in ENCODINGS} | {"windows-1252": "cp1252", "latin-1": "cp1252"}
    if name not in known:
        raise Unreadable(f"There is no encoding {encoding!r} here: use one of {', '.join(ENCODINGS)}.")
    found = known[name]
    return _decoded(data, "utf-8-sig" if found == "utf-8" else found), found


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode(name).lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")
    except UnicodeDecodeError as failure:
        raise Unreadable(
            f"It is no text in {name} (byte {failure.start}): save it as UTF-8, or say its encoding."
        ) from None


def _wide(data: bytes) -> str:
    """UTF-16 without its mark: every other byte of Western text is zero. Empty when it is not that."""
    sample = data[: SAMPLE // 2 * 2]
    if len(sample) < 4 or len(data) % 2:
        return ""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.4 and odd < half * 0.1 else ""


def _guessed(data: bytes) -> str:
    found = charset_normalizer.from_bytes(data[:SAMPLE], cp_isolation=list(LEGACY))
    best = found.best()
    if best is None:
        return "cp1252"
    alike = [one for one in found if one.chaos <= best.chaos and one.coherence >= best.coherence]
    names = {one.encoding for one in alike} | {name for one in alike for name in one.could_be_from_charset}
    name = next((name for name in LEGACY if name in names), str(best.encoding))
    return "cp1252" if name in LOW and all(one < 0x80 or one in HIGH_LETTERS for one in data[:SAMPLE]) else name


LOW = ("cp850", "mac_roman")
"""Their small letters with marks lie below 0xC0, where Windows has none: a text without any there is not theirs."""
HIGH_LETTERS = frozenset(range(0xC0, 0x100)) - {0xD7, 0xF7}
