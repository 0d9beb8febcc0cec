"""The catalogue of texts: collected from templates and modules, kept as .po beside the .mo that the product reads.

.venv/bin/python -m tests.translations

adds texts that are new (empty, to be translated), drops those that are gone, and compiles the catalogue. It needs no
gettext tools.
"""

import ast
import itertools
import os
import re
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import django
from django.apps import apps
from django.utils.translation.template import templatize

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
if not apps.ready:
    django.setup()

from automation.exports.lists import LISTS
from crm.models import Contact
from people.speech import COLUMN, CONTEXT
from performance.tables import COLUMNS as REPORT
from web import job_words
from web.exporting import READ_BACK

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("web", "people", "notifications/templates", "performance/templates")
SPEAKING = (
    "domain",
    "jobs/outgoing.py",
    "jobs/queue.py",
    "people",
    "crm",
    "work",
    "notifications",
    "webhooks",
    "performance",
    "learning",
    "assignment",
    "automation",
)
"""The rooms that speak plain English, which the pages and letters say in the reader's language: people.speech."""
NOT_READ = re.compile(
    # Rows, the admin and the command line, and what only programs are told.
    r"models\.py|admin\.py|apps\.py|audited.*\.py|migrations|commands|erasure\.py|people/rows\.py|sums\.py|snapshots\.py"
    r"|crm/(providers|returning|replies|intake|announced|finding|traces)|automation/(exchange|exports|arguments|log)"
    r"|automation/(task_templates|task_scheduler|chains_told)|domain/matching/(construction|engine|exact|problem)"
    r"|domain/(backoff|redaction)|people/(tokens|audit|speech)\.py|assignment/(offers|solver)|webhooks/(recording|signing|calling)"
    r"|work/(files/task_matching|finishing|calendar)\.py|crm/files/contact_matching|notifications/channels/.*/reports"
    r"|crm/(contacts|trigrams)\.py|automation/(__init__|bulk|rule_changes)\.py"
)
_WORDS = """
task tasks contact contacts day days hour hours week weeks month months minute minutes working person people
rule nobody report reports high low medium urgent lead active inactive lost owner member manager elapsed daily
weekly biweekly monthly quarterly yearly late to blocked done cancelled obsolete planned applied undone open
paused finished exited stopped running failed queued Finished Late Overdue Performance Email is sent 1st 2nd 3rd
4th 5th always and or
"""
WORDS = tuple(_WORDS.split())
"""Single small words that the rooms put into their sentences."""
SHAPES = (
    "{on:%a} {day} {on2:%b}",
    "{on:%a} {day} {on2:%b}, {at:%H:%M}",
    "{total:g}/h = {parts}",
    "{before:g} → {after:g} %",
    "{hours} h over: {obstacle}",
    "{statuses} contact",
    "{priorities} task",
    "a {thing}",
    "a task of {rules}",
    "a task titled “…{title_contains}…”",
    "for each contact",
    "load {load_before} → {load_after} %",
    "overdue",
    "{count:g} tasks overdue",
    "replies",
    "unsubscribes",
    "{name} then holds as many tasks as they may",
    "{name} lacks {float:g} h this week",
    "{name} lacks {float:g} h before {on:%a} {day} {on2:%b}",
    "{name} is at {percent:g} %",
    "{name} holds {holding} tasks, as many as they may",
    "{name} holds 1 task, as many as they may",
    "and {more} more",
    "an {status} contact",
    "a {status} contact",
    "a contact",
    "{display_name}: best skill and most room.",
    "“{quoted}”",
    "waits on {others}",
)
"""What is put together out of pieces that are no sentences by themselves."""
LANGUAGE = "de"
CATALOGUE = ROOT / "web" / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
HEADER = (
    f"Language: {LANGUAGE}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
    "Content-Transfer-Encoding: 8bit\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
)
_SINGLE = {"_", "gettext", "gettext_lazy"}
_PLURAL = {"ngettext", "ngettext_lazy"}
_IN_CONTEXT = {"pgettext", "pgettext_lazy"}
_LITERAL = r"""u?("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
_IN_TEMPLATE = re.compile(rf"(?:\b([np]?)gettext|(?<!\w)_)\({_LITERAL}(?:, *{_LITERAL})?", re.DOTALL)


class Text(NamedTuple):
    """A text as it is written, its plural (empty for one that has none), and where it means something else."""

    one: str
    many: str = ""
    context: str = ""


Catalogue = dict[Text, tuple[str, ...]]
"""By text what it is in the other language: one string, or singular and plural. Empty strings are to be translated."""


def collected() -> list[Text]:
    """All texts of the pages, in the order of their files; each once, with a plural wherever one is used."""
    found: dict[tuple[str, str], str] = {}
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and "locale" not in path.parts:
                for text in _of_file(path):
                    key = text.one, text.context
                    found[key] = text.many or found.get(key, "")
    for one in said():
        found[one, CONTEXT] = ""
    for head in heads():
        found[head, COLUMN] = ""
    return [Text(one, many, context) for (one, context), many in found.items()]


def heads() -> Iterator[str]:
    """Of all files that people read in spreadsheets."""
    return itertools.chain(REPORT, *(table.heads for name, table in LISTS.items() if name not in READ_BACK))


def _of_file(path: Path) -> Iterator[Text]:
    source = path.read_text()
    if path.suffix != ".py":
        for kind, *literals in _IN_TEMPLATE.findall(templatize(source)):
            first, second = map(_plain, literals)
            yield Text(second, context=first) if kind == "p" else Text(first, second if kind == "n" else "")
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if given and node.func.id in _SINGLE:
                yield Text(given[0])
            elif given and node.func.id in _PLURAL:
                yield Text(given[0], given[1])
            elif given and node.func.id == "npgettext":
                yield Text(given[1], given[2], context=given[0])
            elif given and node.func.id in _IN_CONTEXT:
                yield Text(given[1], context=given[0])


def said() -> list[str]:
    """The sentences and labels of the rooms below the pages, as templates: `{name} owns the contact.`"""
    cadences = (label for _, label in Contact.CADENCES)
    found = dict.fromkeys((*WORDS, *SHAPES, *cadences, *map(job_words.plain, job_words.ABOUT)))
    for model in apps.get_models():
        if (ROOT / model._meta.app_label).is_dir():
            for field in model._meta.concrete_fields:
                found |= dict.fromkeys(str(label) for _, label in field.flatchoices)
    for place in SPEAKING:
        for path in sorted((ROOT / place).rglob("*.py")) if (ROOT / place).is_dir() else [ROOT / place]:
            if not NOT_READ.search(str(path.relative_to(ROOT))):
                found |= dict.fromkeys(_sentences(ast.parse(path.read_text())))
    return list(found)


_SENTENCE = re.compile(r"[A-Za-z]{2,}[,:;.?!']? \S|\S [A-Za-z]{2,}")
_CODE = re.compile(
    r"[\n\\]|&&|\|\||==|!=|::|\{\{|[a-z]:[a-z]*:|^[a-z]+:$|%[a-z(]|SELECT|^\W*$|^Bearer|^Basic|/[a-z]+;|null"
    r"|^module |^[A-Z]+:$| T$|=$|^contact\.\w+$"
)

_CODE_AT_START = re.compile(r"^[-/?<(:]")


def _sentences(tree: ast.AST) -> Iterator[str]:
    """What reads like English: no documentation, no log line, no name of a row."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.FunctionDef) and node.name in ("__str__", "__repr__"):
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _LABELLED:
            yield from _labels(node)
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("log", "re.", "structlog", "warnings")):
            continue
        if isinstance(node, ast.JoinedStr | ast.Constant):
            for text in _spoken(node):
                bare = re.sub(r"\{[^}]*\}", "", text)
                if (
                    "{{" not in text
                    and not _CODE.search(bare)
                    and not _CODE_AT_START.search(text)
                    and _SENTENCE.search(text)
                    and re.search("[a-z]{2}", bare)
                ):
                    yield text.strip()
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _sentences(part)
        elif (
            (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
            or isinstance(node, ast.arg)
            or (isinstance(node, ast.AnnAssign) and node.value is None)
        ):
            continue
        elif not isinstance(node, ast.Constant):
            yield from _sentences(node)


_LABELLED = ("Field", "Service", "Operator", "Kind", "services.Field", "services.Service")
"""Calls that name something for people: their texts are theirs also where they are single words."""


def _labels(node: ast.Call) -> Iterator[str]:
    given = [*node.args[1:], *(one.value for one in node.keywords if one.arg in ("help", "label", "knows_again"))]
    for one in given:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            if re.search("[A-Za-z]{2}", one.value) and one.value not in _KINDS_OF_VALUES:
                yield one.value
        elif not isinstance(one, ast.Tuple) or any(isinstance(part, ast.Call) for part in one.elts):
            yield from _sentences(ast.Expression(one))


_KINDS_OF_VALUES = ("text", "number", "bool", "time", "list", "map", "any", "nothing", "texts", "numbers", "duration")


def _spoken(node: ast.expr) -> Iterator[str]:
    """The ways in which a literal may come out: values as fields, of a choice between words each one."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
        return
    if isinstance(node, ast.JoinedStr):
        names: dict[str, int] = {}
        parts = [list(_part(part, names)) for part in node.values]
        for ways in itertools.product(*parts):
            yield "".join(ways)


def _part(node: ast.expr, names: dict[str, int]) -> Iterable[str]:
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    assert isinstance(node, ast.FormattedValue)
    value = node.value
    if isinstance(value, ast.IfExp) and all(isinstance(way, ast.Constant) for way in (value.body, value.orelse)):
        return [str(way.value) for way in (value.body, value.orelse) if isinstance(way, ast.Constant)]
    name = _name(value)
    names[name] = names.get(name, 0) + 1
    number = str(names[name]) if names[name] > 1 else ""
    spec = f":{ast.literal_eval(node.format_spec)}" if isinstance(node.format_spec, ast.Constant) else ""
    if isinstance(node.format_spec, ast.JoinedStr):
        spec = ":" + "".join(str(part.value) for part in node.format_spec.values if isinstance(part, ast.Constant))
    return ["{" + name + number + spec + "}"]


def _name(value: ast.expr) -> str:
    """What a value in a sentence is called: by the last name of its expression."""
    if (
        isinstance(value, ast.Subscript)
        and isinstance(value.slice, ast.Constant)
        and isinstance(value.slice.value, str)
    ):
        return value.slice.value
    found = re.findall(r"[A-Za-z]\w*", ast.unparse(value.func if isinstance(value, ast.Call) else value))
    return found[-1] if found else "value"


def _plain(literal: str) -> str:
    """What a literal of the template scanner stands for: it escapes its own quotes and nothing else."""
    return literal[1:-1].replace("\\'", "'").replace('\\"', '"').replace("%%", "%") if literal else ""


def read(path: Path = CATALOGUE) -> Catalogue:
    found: Catalogue = {}
    for block in path.read_text().split("\n\n"):
        parts: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            match = re.match(r'(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$', line)
            if match:
                name = match[1]
                parts[name] = ast.literal_eval(match[2])
            elif line.startswith('"'):
                parts[name] += ast.literal_eval(line)
        if parts.get("msgid"):
            answers = [value for key, value in parts.items() if key.startswith("msgstr")]
            found[Text(parts["msgid"], parts.get("msgid_plural", ""), parts.get("msgctxt", ""))] = tuple(answers)
    return found


def write(catalogue: Catalogue, path: Path = CATALOGUE) -> None:
    lines = ['msgid ""', 'msgstr ""', *(_quoted(f"{line}\n") for line in HEADER.splitlines()), ""]
    for text, answers in catalogue.items():
        if text.context:
            lines.append(f"msgctxt {_quoted(text.context)}")
        lines.append(f"msgid {_quoted(text.one)}")
        if text.many:
            lines.append(f"msgid_plural {_quoted(text.many)}")
            lines += [f"msgstr[{number}] {_quoted(answer)}" for number, answer in enumerate(answers)]
        else:
            lines.append(f"msgstr {_quoted(answers[0])}")
        lines.append("")
    path.write_text("\n".join(lines))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def compiled(catalogue: Catalogue) -> bytes:
    """As GNU gettext's .mo: two tables of lengths and offsets, texts sorted; those to be translated are left out."""
    pairs = [(b"", HEADER.encode())]
    for text, answers in catalogue.items():
        if all(answers):
            key = (f"{text.context}\4" if text.context else "") + text.one + (f"\0{text.many}" if text.many else "")
            pairs.append((key.encode(), "\0".join(answers).encode()))
    pairs.sort()
    start, keys, values = 28, b"", b""
    key_table, value_table = [], []
    for key, value in pairs:
        key_table.append((len(key), len(keys)))
        value_table.append((len(value), len(values)))
        keys += key + b"\0"
        values += value + b"\0"
    count = len(pairs)
    keys_at = start + 16 * count
    head = struct.pack("<7I", 0x950412DE, 0, count, start, start + 8 * count, 0, keys_at)
    tables = b"".join(struct.pack("<2I", length, keys_at + at) for length, at in key_table)
    tables += b"".join(struct.pack("<2I", length, keys_at + len(keys) + at) for length, at in value_table)
    return head + tables + keys + values


def main() -> int:
    known = read() if CATALOGUE.exists() else {}
    by_one = {(text.one, text.context): answers for text, answers in known.items()}
    catalogue: Catalogue = {}
    for text in collected():
        wanted = 2 if text.many else 1
        answers = known.get(text) or by_one.get((text.one, text.context), ())
        catalogue[text] = answers if len(answers) == wanted else ("",) * wanted
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    write(catalogue)
    CATALOGUE.with_suffix(".mo").write_bytes(compiled(catalogue))
    missing = sum(not all(answers) for answers in catalogue.values())
    print(f"{len(catalogue)} texts, {missing} to be translated in {CATALOGUE.relative_to(ROOT)}")  # noqa: T201
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
