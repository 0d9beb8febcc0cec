"""Names in place of ids, and ids in place of names: people, and rules that other rules wait for."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from automation.models import TaskAutomationRule
from domain.conditions import ConditionError, lexer
from people.models import Team, User

_PERSON = "user:"
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
_QUOTED = re.compile(r'"(?:[^"\\\r\n]|\\.)*"|' + r"'(?:[^'\\\r\n]|\\.)*'")

Reference = str | int | Mapping[str, Any]
"""A rule's name; a map with `owner` and `scope` where several have that name; its number where it has no name here."""


class Unresolved(ValueError):
    """A name that nothing in the team has; the message says what to do."""


@dataclass(frozen=True)
class Known:
    """A rule of the team as references name it."""

    pk: int
    name: str
    owner: str
    scope: str

    def fits(self, wanted: Mapping[str, Any]) -> bool:
        return all(getattr(self, part) == value for part, value in wanted.items())


class Names:
    """A team's people and rules by name and by id, read once; `add` what is made meanwhile."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.ours: set[int] = set()
        """Rules that the file at hand holds: of several with one name, a reference of the file means its own."""
        self.people = {user.pk: user for user in User.objects.filter(team=team)}
        rows = TaskAutomationRule.objects.filter(team=team, archived_at__isnull=True).order_by("pk")
        self.rules = [
            Known(pk, name, self.username(owner), scope)
            for pk, name, owner, scope in rows.values_list("pk", "name", "owner_id", "scope")
        ]

    def add(self, rule: TaskAutomationRule) -> None:
        """A rule that the file has made."""
        self.ours.add(rule.pk)
        self.rules.append(Known(rule.pk, rule.name, self.username(rule.owner_id), rule.scope))

    def snapshot(self) -> tuple[list[Known], set[int]]:
        return list(self.rules), set(self.ours)

    def restore(self, before: tuple[list[Known], set[int]]) -> None:
        """Forgets what was added since and has been rolled back."""
        self.rules, self.ours = before

    def username(self, pk: int) -> str:
        """Of somebody in the team; a row whose owner went to another team names nobody who could be found."""
        return self.people[pk].username if pk in self.people else f"{_PERSON}{pk}"

    def person(self, username: str) -> User:
        """Raises Unresolved."""
        user = next((user for user in self.people.values() if user.username == username), None)
        if user is None:
            raise Unresolved(f"There is no user {username!r} in the team: add them, or name somebody who is in it.")
        if not user.is_active:
            raise Unresolved(f"{username!r} is not active any more: name somebody who is.")
        return user

    def reference(self, pk: int) -> Reference:
        """How the file names a rule."""
        rule = next((one for one in self.rules if one.pk == pk), None)
        if rule is None:
            return pk
        twins = [one for one in self.rules if one.name == rule.name]
        if len(twins) == 1:
            return rule.name
        return {"name": rule.name, "owner": rule.owner, "scope": rule.scope}

    def matching(self, reference: Reference) -> list[Known]:
        """The rules that a reference of the file may mean."""
        wanted = wanted_by(reference)
        return [one for one in self.rules if one.fits(wanted)]

    def rule_id(self, reference: Reference) -> int:
        """Raises Unresolved when none or several rules are meant."""
        found = self.matching(reference)
        if len(found) > 1:
            found = [one for one in found if one.pk in self.ours] or found
        if not found:
            raise Unresolved(
                f"There is no rule {told(reference)} in the team, nor a sound one in the file: add it, or correct it."
            )
        if len(found) > 1:
            raise Unresolved(
                f"{len(found)} rules have the name {told(reference)}: give name, owner and scope, or rename one."
            )
        return found[0].pk

    def assign_out(self, assign: Any) -> Any:
        """user:ada for user:7."""
        kind, _, number = str(assign).partition(":")
        if f"{kind}:" == _PERSON and number.isascii() and number.isdigit():
            return f"{_PERSON}{self.username(int(number)).removeprefix(_PERSON)}"
        return assign

    def assign_in(self, assign: str) -> str:
        """And back. Raises Unresolved."""
        if not assign.startswith(_PERSON):
            return assign
        return f"{_PERSON}{self.person(assign.removeprefix(_PERSON)).pk}"

    def condition_out(self, source: str) -> str:
        """task.rule == "Call back" for task.rule == 7, where only one rule has that name."""

        def name(token: lexer.Token) -> str | None:
            known = self.reference(token.value) if token.kind == "int" and isinstance(token.value, int) else None
            return json.dumps(known, ensure_ascii=False) if isinstance(known, str) else None

        return _with_rules(source, name)

    def condition_in(self, source: str, *, unknown: int | None = None) -> str:
        """And back; `unknown` stands for rules that are not there yet. Raises Unresolved."""

        def number(token: lexer.Token) -> str | None:
            if token.kind == "text" and isinstance(token.value, str):
                if unknown is not None and not self.matching(token.value):
                    return str(unknown)
                return str(self.rule_id(token.value))
            if isinstance(token.value, int) and token.value:
                raise Unresolved(
                    f"Rule numbers differ from one installation to the next: write its name for {token.value}."
                )
            return None

        return _with_rules(source, number)


def wanted_by(reference: Reference) -> dict[str, Any]:
    """What a rule must have to be meant. Raises Unresolved for what is no reference."""
    if isinstance(reference, str):
        return {"name": reference}
    if isinstance(reference, Mapping) and "name" in reference and not set(reference) - {"name", "owner", "scope"}:
        return dict(reference)
    raise Unresolved(
        f"{told(reference)} names no rule: give its name, for numbers differ from one installation to the next."
    )


def rules_in(condition: str) -> list[str]:
    """The names of rules that a condition of the file compares `task.rule` with."""
    found: list[str] = []

    def collect(token: lexer.Token) -> None:
        if token.kind == "text":
            found.append(str(token.value))

    _with_rules(condition, collect)
    return found


def told(reference: Any) -> str:
    if isinstance(reference, Mapping):
        reference = reference.get("name", reference)
    return repr(reference)[:80]


def _with_rules(source: str, change: Callable[[lexer.Token], str | None]) -> str:
    """The condition with what it compares `task.rule` with changed. One that cannot be read stays as it is."""
    if "rule" not in source:
        return source
    try:
        tokens = lexer.tokens(source)
    except ConditionError:
        return source
    result, at = "", 0
    for token in _compared(tokens):
        written = (_NUMBER if token.kind == "int" else _QUOTED).match(source, token.at)
        changed = change(token) if written is not None else None
        if written is not None and changed is not None:
            result += source[at : token.at] + changed
            at = written.end()
    return result + source[at:]


def _compared(tokens: list[lexer.Token]) -> list[lexer.Token]:
    """The numbers and texts that stand beside `task.rule ==`, `!=` or in its list."""
    words = [token.value if token.kind in ("name", "symbol") else token.kind for token in tokens]
    found: list[lexer.Token] = []
    for place in range(len(tokens) - 2):
        if words[place : place + 3] != ["task", ".", "rule"]:
            continue
        if place >= 2 and words[place - 1] in ("==", "!="):
            found.append(tokens[place - 2])
        after = words[place + 3 : place + 5]
        if after[:1] == ["=="] or after[:1] == ["!="]:
            found.append(tokens[place + 4])
        elif after == ["in", "["]:
            end = words.index("]", place) if "]" in words[place:] else place
            found += tokens[place + 5 : end : 2]
    return [token for token in found if token.kind in ("int", "text")]
