"""Conditions checked, compiled and judged: the only place that talks with the CEL engine at run time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import cel

from domain.conditions.catalogue import CATALOGUE
from domain.conditions.compiling import Compiler
from domain.conditions.errors import ConditionError, ConditionFailed
from domain.conditions.fields import Ref, Values, engine_value, shown
from domain.conditions.syntax import Logic, Node, parse, show

_TRIAL_NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Condition:
    """A compiled condition. Judging it changes nothing, and any number of threads may do so at once.

    `fields` are the "root.field" it reads; `reads_now` says whether `holds` needs `now`.
    """

    text: str
    program: cel.Program | None
    refs: Mapping[str, Ref]
    reads_now: bool

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(ref.name for ref in self.refs.values())

    def holds(self, values: Values, *, now: datetime | None = None) -> bool:
        """Whether it is true of `values`, at `now` where it reads that. Raises ConditionFailed if nobody can say."""
        if self.program is None:
            return True
        variables: dict[str, object] = {name: engine_value(ref, values) for name, ref in self.refs.items()}
        if self.reads_now:
            if now is None:
                raise ConditionFailed(f"{self.text} reads now, and no time was given.")
            variables["now"] = now.astimezone(UTC)
        result = self.run(self.program, variables, values)
        if not isinstance(result, bool):
            raise ConditionFailed(f"{self.text} gave {shown(result)}, which is neither true nor false.")
        return result

    def run(self, program: cel.Program, variables: dict[str, object], values: Values) -> object:
        try:
            return program.execute(cel.Context(variables, {"measure": _measure}))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the engine is no Exception
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise ConditionFailed(f"{self.text} cannot be judged: {self._why(error, values)}") from error

    def _why(self, error: BaseException, values: Values) -> str:
        read = "; ".join(f"{ref.full_name} is {shown(ref.value(values))}" for ref in self.refs.values())
        mixed = "the kinds do not match" if isinstance(error, TypeError) else str(error).split(". Check ")[0]
        return f"{mixed} ({read})." if read else f"{mixed}."


def _measure(value: object) -> float:
    """The size of a text in characters (the engine counts bytes), of a list or of a map."""
    if not isinstance(value, str | list | dict):
        raise TypeError("only texts, lists and maps have a size")
    return float(len(value))


@lru_cache(maxsize=1024)
def compiled(source: str) -> Condition:
    """The condition ready to be judged. Raises ConditionError; an empty source always holds."""
    if not source.strip():
        return Condition("", None, {}, reads_now=False)
    return compiled_tree(parse(source), source)


def compiled_tree(node: Node, source: str) -> Condition:
    """Like `compiled`, for a part of `source`."""
    compiler = Compiler(source)
    text = compiler.condition(node)
    try:
        program = cel.compile(text)
    except Exception as error:
        raise ConditionError("The condition is nested too deeply: take brackets out, or split the rule.") from error
    return Condition(show(node), program, compiler.refs, compiler.reads_now)


def check(source: str) -> None:
    """Raises ConditionError unless `source` can be saved: grammar, fields, kinds, limits, then trial runs.

    The trial runs judge each part on examples, and on nothing at all.
    """
    compiled(source)
    if source.strip():
        for part in parts(parse(source)):
            _try(compiled_tree(part, source))


def parts(node: Node) -> tuple[Node, ...]:
    """The parts joined by && at the top."""
    return node.parts if isinstance(node, Logic) and node.sign == "&&" else (node,)


def _examples() -> Values:
    return {
        root: {
            field.name: datetime.fromisoformat(str(field.example)) if field.kind == "time" else field.example
            for field in fields.values()
        }
        for root, fields in CATALOGUE.items()
    }


def _try(condition: Condition) -> None:
    known = all(ref.kind != "any" and ref.name != "activity.data" for ref in condition.refs.values())
    for values in (_examples(), {}) if known else ({},):
        try:
            condition.holds(values, now=_TRIAL_NOW)
        except ConditionFailed as error:
            raise ConditionError(f"A trial run failed. {error}") from error
