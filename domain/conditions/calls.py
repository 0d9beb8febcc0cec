"""The functions and loops a condition may use, with what each takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cel

from domain.conditions.catalogue import CATALOGUE, near
from domain.conditions.code import Code, all_of, maybe
from domain.conditions.comparing import EXAMPLES, absence
from domain.conditions.tree import Call, Index, Name, Select, show

if TYPE_CHECKING:
    from domain.conditions.compiling import Compiler

MAX_PATTERNS: Final = 3
LOOPS: Final = ("all", "exists", "exists_one", "map", "filter")


@dataclass(frozen=True)
class _Function:
    """`takes` are the kinds each value may have, `gives` the kind that comes out of the engine text `template`."""

    takes: tuple[tuple[str, ...], ...]
    gives: str
    template: str
    method: bool = True


_TEXTS: Final = (("text",), ("text",))
_FUNCTIONS: Final = {
    "contains": _Function(_TEXTS, "bool", "{0}.contains({1})"),
    "startsWith": _Function(_TEXTS, "bool", "{0}.startsWith({1})"),
    "endsWith": _Function(_TEXTS, "bool", "{0}.endsWith({1})"),
    "matches": _Function(_TEXTS, "bool", "{0}.matches({1})"),
    "size": _Function((("text", "list", "map"),), "number", "measure({0})"),
    "int": _Function((("number", "text"),), "number", "double(int({0}))", method=False),
    "double": _Function((("number", "text"),), "number", "double({0})", method=False),
    "string": _Function((("number", "text", "time"),), "text", "string({0})", method=False),
    "timestamp": _Function((("text", "time"),), "time", "timestamp({0})", method=False),
    "duration": _Function((("text", "duration"),), "duration", "duration({0})", method=False),
} | {
    name: _Function((("time",),), "number", f"double({{0}}.{name}())")
    for name in (
        *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    )
}
_LITERALS: Final = {"timestamp": EXAMPLES["time"], "duration": EXAMPLES["duration"], "matches": 'matches("^A.*z$")'}
"""Functions whose text can be wrong: tried when saved."""


def call(compiler: Compiler, node: Call) -> Code:
    """Code for `f(x)`, `x.f(y)`, `has(x)` and loops. Raises ConditionError for what is unknown or does not fit."""
    if node.name == "has" and not node.target:
        return _has(compiler, node)
    if node.name in LOOPS and node.target:
        return _loop(compiler, node)
    function = _known(compiler, node)
    values = ((node.target,) if node.target else ()) + node.args
    if len(values) != len(function.takes):
        wanted = len(function.takes) - bool(node.target)
        amount = {0: "nothing", 1: "one value"}.get(wanted, f"{wanted} values")
        raise compiler.wrong(node, f"{node.name}() takes {amount} in its brackets")
    codes = compiler.codes(values)
    for value, code, kinds in zip(values, codes, function.takes, strict=True):
        compiler.need(value, code, *kinds)
    if node.name == "matches":
        _check_pattern(compiler, node, codes[-1])
    if node.name in _LITERALS and codes[-1].kind == "text" and codes[-1].literal:
        _try_literal(compiler, node, codes[-1])
    native = node.name == "size" and codes[0].kind in ("list", "map")
    text = ("double(size({0}))" if native else function.template).format(*(code.text for code in codes))
    return Code(text, function.gives, all_of(*(code.present for code in codes)))


def _known(compiler: Compiler, node: Call) -> _Function:
    """The function of a call. `size` is written both ways, the others one way each."""
    function = _FUNCTIONS.get(node.name)
    if function and (node.name == "size" or function.method == bool(node.target)):
        return function
    if function or node.name in LOOPS or node.name == "has":
        method = function.method if function else node.name in LOOPS
        raise compiler.wrong(node, f"write {f'value.{node.name}(…)' if method else f'{node.name}(value)'}")
    known = (*_FUNCTIONS, "has", *LOOPS)
    hint = near(node.name, known) or f" There are {', '.join(known)}"
    raise compiler.wrong(node, f"there is no function {node.name}().{hint}")


def _check_pattern(compiler: Compiler, node: Call, pattern: Code) -> None:
    """The engine compiles a pattern at each use, in up to 0.1 s: few of them, known beforehand, none in a loop."""
    compiler.patterns += 1
    if not pattern.literal:
        raise compiler.wrong(node, "matches() takes its pattern as a text in quotes")
    if compiler.local:
        raise compiler.wrong(node, "matches() cannot stand in a loop: use contains(), startsWith() or endsWith() there")
    if compiler.patterns > MAX_PATTERNS:
        raise compiler.wrong(node, f"a condition may have {MAX_PATTERNS} matches(): join patterns with |")


def _try_literal(compiler: Compiler, node: Call, code: Code) -> None:
    try:
        cel.evaluate(f'"".matches({code.text})' if node.name == "matches" else f"{node.name}({code.text})")
    except Exception:
        problem = f"{node.name}() does not understand {code.text}: write it like {_LITERALS[node.name]}"
        raise compiler.wrong(node, problem) from None


def _has(compiler: Compiler, node: Call) -> Code:
    """True when there is something: neither absent nor an empty text, list or map."""
    if len(node.args) != 1 or not isinstance(node.args[0], Select | Index):
        raise compiler.wrong(node, "has() takes one field, such as has(contact.email)")
    code = compiler.code(node.args[0])
    if code.kind != "any":
        return Code(f"!{absence(compiler, node.args[0], code)}", "bool")
    empty = " && ".join(f"{code.text} != {nothing}" for nothing in ('""', "[]", "{}"))
    return Code(all_of(code.present, f"({empty})"), "bool")


def _loop(compiler: Compiler, node: Call) -> Code:
    """An absent list counts as an empty one."""
    compiler.loops += 1
    if compiler.loops > 1:
        raise compiler.wrong(node, f"a condition may have only one of {', '.join(LOOPS)}: split it into several rules")
    name = _bound_name(compiler, node)
    assert node.target is not None
    target = compiler.code(node.target)
    compiler.need(node.target, target, "list", "map")
    element = {"list": target.element, "map": "text"}.get(target.kind, "any")
    variable = f"v_{name}"
    compiler.local[name] = Code(variable, element) if element in ("text", "bool") else maybe(variable, element)
    bodies = compiler.codes(node.args[1:])
    del compiler.local[name]
    for body, code in list(zip(node.args[1:], bodies, strict=True))[: -1 if node.name == "map" else None]:
        compiler.need(body, code, "bool")
    texts = [code.truth for code in bodies]
    if node.name == "map":
        texts[-1], element = bodies[-1].value, "any" if bodies[-1].present else bodies[-1].kind
    over = f"({target.present} ? {target.text} : [])" if target.present else target.text
    text = f"{over}.{node.name}({', '.join([variable, *texts])})"
    return Code(text, "list", element=element) if node.name in ("map", "filter") else Code(text, "bool")


def _bound_name(compiler: Compiler, node: Call) -> str:
    variable = node.args[0] if node.args else None
    allowed = (2, 3) if node.name == "map" else (2,)
    if len(node.args) not in allowed or not isinstance(variable, Name):
        raise compiler.wrong(node, f'{node.name}() is written like contact.tags.{node.name}(tag, tag == "vip")')
    if variable.name in CATALOGUE or variable.name == "now":
        raise compiler.wrong(variable, f"{show(variable)} is taken: choose another name")
    return variable.name
