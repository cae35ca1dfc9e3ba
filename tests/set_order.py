"""Where the code goes through a set: its order is that of string hashes, which differ by process.

What is a set is decided by its form (a display, a call, an operator on sets, a view of keys under a
set operator) and by annotations and assignments in the same module. An order that is made a set
again, counted, summed or sorted reaches nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

CALLS = frozenset({"set", "frozenset"})
METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})
OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
TYPES = frozenset({"set", "frozenset", "Set", "AbstractSet", "FrozenSet", "MutableSet"})
GO_THROUGH = frozenset(
    {"list", "tuple", "iter", "enumerate", "zip", "map", "filter", "next", "reversed", "dict"}
)
METHODS_GO_THROUGH = frozenset({"join", "fromkeys", "extend", "array", "choice", "pop"})
HARMLESS = frozenset(
    {"sorted", "set", "frozenset", "len", "any", "all", "sum", "min", "max", "bool", "isinstance"}
)
"""Calls whose value does not depend on the order of their argument (min and max: of equal values,
the same one is given; with a key they are not harmless)."""


@dataclass
class Names:
    """What is known to be a set: names by function, attributes and functions of the module."""

    local: dict[str, bool] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)


def hits(source: str) -> Iterator[tuple[int, str]]:
    """(line, expression) of every iteration over a set whose order matters."""
    tree = ast.parse(source)
    names = _module_names(tree)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for scope in [tree, *(n for n in ast.walk(tree) if isinstance(n, _FUNCTIONS))]:
        own = Names(
            {**names.local, **_local_names(scope, names)}, names.attributes, names.functions
        )
        for node in _own_nodes(scope):
            for expression in _iterated(node, parents):
                if _is_set(expression, own):
                    yield expression.lineno, ast.unparse(expression)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of functions in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, _FUNCTIONS):
            yield from _own_nodes(child)


def _module_names(tree: ast.Module) -> Names:
    found = Names()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _set_type(node.returns):
            found.functions.add(node.name)
        if isinstance(node, ast.AnnAssign) and _set_type(node.annotation):
            if isinstance(node.target, ast.Attribute):
                found.attributes.add(node.target.attr)
            elif isinstance(node.target, ast.Name):
                found.local[node.target.id] = True
                found.attributes.add(node.target.id)  # a field of a class
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and _is_set(node.value, found):
                    found.attributes.add(target.attr)
    for node in tree.body:
        if isinstance(node, ast.Assign) and _is_set(node.value, found):
            found.local |= {t.id: True for t in node.targets if isinstance(t, ast.Name)}
    return found


def _local_names(scope: ast.AST, names: Names) -> dict[str, bool]:
    """Names of one function: True for a set, False for what hides one of the module."""
    found: dict[str, bool] = {}
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        for arg in [*scope.args.args, *scope.args.kwonlyargs, *scope.args.posonlyargs]:
            found[arg.arg] = _set_type(arg.annotation)
    for node in _own_nodes(scope):
        if isinstance(node, ast.Assign):
            value = _is_set(
                node.value, Names({**names.local, **found}, names.attributes, names.functions)
            )
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for one, given in zip(target.elts, node.value.elts, strict=False):
                        if isinstance(one, ast.Name):
                            found[one.id] = _is_set(given, names)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = _set_type(node.annotation)
        elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, False)
    return found


def _set_type(annotation: ast.expr | None) -> bool:
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    if isinstance(annotation, ast.BinOp):  # ``set[str] | None``
        return _set_type(annotation.left) or _set_type(annotation.right)
    name = (
        annotation.attr if isinstance(annotation, ast.Attribute) else getattr(annotation, "id", "")
    )
    return name in TYPES


def _is_set(node: ast.expr, names: Names) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name):
            return names.local.get(name, False)
        case ast.Attribute(attr=name):
            return name in names.attributes
        case ast.Call(func=ast.Name(id=name)):
            return name in CALLS or name in names.functions
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in METHODS or name in names.functions
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, OPERATORS):
            sets = _is_set(left, names) or _is_set(right, names)
            return sets or _is_keys(left) or _is_keys(right)
        case ast.IfExp(body=body, orelse=other):
            return _is_set(body, names) or _is_set(other, names)
        case ast.BoolOp(values=values):
            return any(_is_set(one, names) for one in values)
        case ast.NamedExpr(value=value) | ast.Starred(value=value):
            return _is_set(value, names)
    return False


def _is_keys(node: ast.expr) -> bool:
    """``mapping.keys()`` under a set operator gives a set."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("keys", "items")
    )


def _iterated(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.expr]:
    """Expressions that `node` goes through in order, where the order can reach something."""
    if isinstance(node, ast.For | ast.AsyncFor):
        yield node.iter
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
        if not _consumed_without_order(node, parents):
            yield from (one.iter for one in node.generators)
    elif isinstance(node, ast.Starred):
        place = parents.get(node)
        listed = isinstance(place, ast.List | ast.Tuple)
        if (listed and not _consumed_without_order(place, parents)) or (
            isinstance(place, ast.Call) and not _harmless(place)
        ):
            yield node.value
    elif isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if name in GO_THROUGH or method in METHODS_GO_THROUGH:
            if not _consumed_without_order(node, parents):
                yield from node.args
                if method == "pop" and not node.args and isinstance(node.func, ast.Attribute):
                    yield node.func.value
        elif name in ("min", "max") and any(k.arg == "key" for k in node.keywords):
            yield from node.args
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.List):
        if len(node.targets[0].elts) > 1:
            yield node.value
    elif isinstance(node, ast.YieldFrom):
        yield node.value


def _harmless(call: ast.Call) -> bool:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    keyed = any(k.arg == "key" for k in call.keywords)
    return name in HARMLESS and not (keyed and name in ("min", "max"))


def _consumed_without_order(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether what is made of a set is made a set again, counted, summed or sorted at once."""
    place = parents.get(node)
    if isinstance(place, ast.Call):
        return _harmless(place)
    return isinstance(place, ast.Compare) and all(
        isinstance(op, ast.In | ast.NotIn) for op in place.ops
    )
