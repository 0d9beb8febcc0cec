"""The words of CEL text: tokens with their place, literals already turned into Python values."""

import re
from dataclasses import dataclass
from typing import Final

from domain.conditions.errors import ConditionError

MAX_LENGTH: Final = 2000

RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "null",
        "package",
        "namespace",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)
_SYMBOLS: Final = r"&&|\|\||==|!=|<=|>=|[<>+\-*/%!?:.,()\[\]{}]"
_TOKEN: Final = re.compile(
    r"(?P<space>(?:[ \t\n\f\r]+|//[^\n]*)+)"
    r"|(?P<string>(?P<prefix>[rR]?[bB]?|[bB][rR])(?P<quote>\"\"\"|'''|\"|'))"
    r"|(?P<float>[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)"
    r"|(?P<int>0[xX][0-9a-fA-F]+|[0-9]+)(?P<unsigned>[uU]?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    rf"|(?P<symbol>{_SYMBOLS})"
)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))"
)
_SIMPLE: Final = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_CLOSE: Final = {'"': re.compile(r'(?:[^"\\\r\n]|\\.)*"', re.S), "'": re.compile(r"(?:[^'\\\r\n]|\\.)*'", re.S)} | {
    quote: re.compile(rf"(?:[^\\]|\\.)*?{quote}", re.S) for quote in ('"""', "'''")
}
_CLOSE_RAW: Final = {'"': re.compile(r'[^"\r\n]*"'), "'": re.compile(r"[^'\r\n]*'")} | {
    quote: re.compile(rf".*?{quote}", re.S) for quote in ('"""', "'''")
}


@dataclass(frozen=True)
class Token:
    """`kind` is name, symbol, int, uint, float, text, bytes or end; `at` counts characters from 0."""

    kind: str
    value: str | int | float | bytes
    at: int


def fault(source: str, at: int, problem: str) -> ConditionError:
    """The error for `problem`, with its place in `source` in words (none for a tree that nobody wrote)."""
    rest = source[at : at + 31].strip()
    shown = rest if len(rest) <= 30 else f"{rest[:30]}..."
    where = f"At character {at + 1} ({shown}): " if rest else "At the end: " if source else ""
    ending = "" if problem.endswith(("?", ".")) else "."
    return ConditionError(f"{where}{problem}{ending}")


def tokens(source: str) -> list[Token]:
    """The tokens of `source`, an `end` last. Raises ConditionError for what no CEL token begins with."""
    if len(source) > MAX_LENGTH:
        raise ConditionError(
            f"The condition has {len(source)} characters and may have {MAX_LENGTH}: shorten it, or split the rule."
        )
    found: list[Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise fault(source, at, f'"{source[at]}" means nothing here: {_hint(source, at)}')
        token, at = _token(source, match)
        if token is not None:
            found.append(token)
    return [*found, Token("end", "", len(source))]


def _hint(source: str, at: int) -> str:
    pairs = {"=": "compare with ==", "&": "write && for and", "|": "write || for or"}
    return pairs.get(source[at], "take it out, or put text in quotes.")


def _token(source: str, match: re.Match[str]) -> tuple[Token | None, int]:
    at, end = match.span()
    if match["space"]:
        return None, end
    if match["quote"]:
        return _string(source, match)
    if match["float"]:
        return Token("float", _finite(source, match["float"], at), at), end
    if match["int"]:
        return Token(
            "uint" if match["unsigned"] else "int", int(match["int"], 0 if "x" in match["int"].lower() else 10), at
        ), end
    return Token("name" if match["name"] else "symbol", match[0], at), end


def _finite(source: str, text: str, at: int) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise fault(source, at, f"the number {text} is too large")
    return value


def _string(source: str, match: re.Match[str]) -> tuple[Token, int]:
    at, start = match.span()
    prefix = match["prefix"].lower()
    raw = "r" in prefix
    closing = (_CLOSE_RAW if raw else _CLOSE)[match["quote"]].match(source, start)
    if closing is None:
        raise fault(source, at, f"a text begins here and does not end: close it with {match['quote']}")
    body = source[start : closing.end() - len(match["quote"])]
    value = body if raw else _unescaped(source, body, start)
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise fault(source, at, "a text holds half a character: type it again") from None
    return (Token("bytes", encoded, at) if "b" in prefix else Token("text", value, at)), closing.end()


def _unescaped(source: str, body: str, start: int) -> str:
    parts: list[str] = []
    at = 0
    while (slash := body.find("\\", at)) >= 0:
        parts.append(body[at:slash])
        match = _ESCAPE.match(body, slash)
        if match is None:
            raise fault(source, start + slash, "this backslash means nothing: write \\\\ for a backslash")
        parts.append(_escaped(source, match, start + slash))
        at = match.end()
    return "".join(parts) + body[at:]


def _escaped(source: str, match: re.Match[str], at: int) -> str:
    simple, *hexes, octal = match.groups()
    if simple:
        return _SIMPLE.get(simple, simple)
    code = int(octal, 8) if octal else int(next(filter(None, hexes)), 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise fault(source, at, f"{match[0]} is not a character")
    return chr(code)
