"""Conditions checked, compiled and judged: the only place that runs the CEL engine on records."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import cel

from domain.conditions.catalogue import CATALOGUE
from domain.conditions.compiling import Compiler
from domain.conditions.errors import ConditionError, ConditionFailed
from domain.conditions.fields import Ref, Values, reference, shown
from domain.conditions.parser import parse
from domain.conditions.quick import Quick, quick
from domain.conditions.supplying import variables
from domain.conditions.tree import Binary, Literal, Logic, Node, show

_TRIAL_NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Condition:
    """A compiled condition. Judging it changes nothing, and any number of threads may do so at once.

    `text` is its CEL on one line, `refs` the fields it reads by the variable that carries each.
    """

    text: str
    program: cel.Program | None
    refs: Mapping[str, Ref]
    reads_now: bool = False
    loops: bool = False
    quick: Quick | None = None
    equality: tuple[Ref, str] | None = None
    """A field and the word it must be, or else the condition does not hold; None when it asks for no such thing."""

    @property
    def fields(self) -> frozenset[str]:
        """The "root.field" it reads; whatever it reads below activity.data is "activity.data"."""
        return frozenset(ref.name for ref in self.refs.values())

    def holds(self, values: Values, *, now: datetime | None = None) -> bool:
        """Whether it is true of `values`, at `now` (aware) where it reads that. Raises ConditionFailed if neither."""
        if self.program is None:
            return True
        said = self.quick(values) if self.quick is not None else None
        return self.by_engine(values, now=now) if said is None else said

    def by_engine(self, values: Values, *, now: datetime | None = None) -> bool:
        """What `holds` answers, asked of the engine however simple it is."""
        assert self.program is not None
        carried = variables(self.refs, values, loops=self.loops)
        if self.reads_now:
            if now is None:
                raise ConditionFailed(f"{self.text} reads now, and no time was given.")
            carried["now"] = now.astimezone(UTC)
        try:
            result = self.program.execute(cel.Context(carried, {"measure": _measure}))
        except Exception as error:
            raise self._failed(error, values) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # what a panic of the engine arrives as
                raise
            raise self._failed(error, values) from error
        if not isinstance(result, bool):
            raise ConditionFailed(f"{self.text} gave {shown(result)}, which is neither true nor false.")
        return result

    def _failed(self, error: BaseException, values: Values) -> ConditionFailed:
        """The engine's words name our variables, not fields: say which values were read instead."""
        told = str(error).split(". Check ")[0].splitlines()
        reason = "the kinds do not match" if isinstance(error, TypeError) or not told else told[0]
        read = ", ".join(f"{ref.full_name} is {shown(ref.value(values))}" for ref in self.refs.values())
        return ConditionFailed(f"{self.text} cannot be judged: {reason} ({read or 'it reads no field'}).")


def _measure(value: object) -> float:
    """The size of a text in characters (the engine counts bytes), of a list or of a map."""
    if not isinstance(value, str | list | dict):
        raise TypeError("only texts, lists and maps have a size")
    return float(len(value))


@lru_cache(maxsize=1024)
def compiled(source: str) -> Condition:
    """The condition ready to be judged. Raises ConditionError; an empty source always holds."""
    if not source.strip():
        return Condition("", None, {})
    return compiled_part(parse(source), source)


def compiled_part(node: Node, source: str) -> Condition:
    """Like `compiled`, for a part of `source`."""
    compiler = Compiler(source)
    text = compiler.condition(node)
    try:
        program = cel.compile(text)
    except Exception as error:
        raise ConditionError("the condition is nested too deeply: take brackets out, or split the rule.") from error
    loops, asked = compiler.loops > 0, _equality(node)
    return Condition(
        show(node), program, compiler.refs, compiler.reads_now, loops=loops, quick=quick(node), equality=asked
    )


def _equality(node: Node) -> tuple[Ref, str] | None:
    """The first part at the top that compares a field with a word. An empty word also stands for what is absent."""
    for part in parts(node):
        if isinstance(part, Binary) and part.sign == "==":
            for field, word in ((part.left, part.right), (part.right, part.left)):
                ref = reference(field)
                if ref is not None and isinstance(word, Literal) and isinstance(word.value, str) and word.value:
                    return ref, word.value
    return None


def parts(node: Node) -> tuple[Node, ...]:
    """The parts joined by && at the top."""
    return node.parts if isinstance(node, Logic) and node.sign == "&&" else (node,)


def check(source: str) -> None:
    """Raises ConditionError unless `source` can be saved: grammar, fields, kinds, limits, then trial runs.

    The trial runs judge each part on the examples of the catalogue, and on nothing at all.
    """
    if compiled(source).program is None:
        return
    for part in parts(parse(source)):
        _try(compiled_part(part, source))


def _try(condition: Condition) -> None:
    """What is in activity.data is anybody's guess: a part that reads it is tried on nothing only."""
    guessed = "activity.data" in condition.fields
    for values in ({},) if guessed else (_examples(), {}):
        try:
            condition.holds(values, now=_TRIAL_NOW)
        except ConditionFailed as failure:
            raise ConditionError(f"A trial run failed: {failure}") from failure


def _examples() -> Values:
    return {
        root: {
            name: datetime.fromisoformat(str(field.example)) if field.kind == "time" else field.example
            for name, field in fields.items()
        }
        for root, fields in CATALOGUE.items()
    }
