"""Measures of the code itself: who imports whom, how long files and functions are, what is typed.

`python tests/architecture.py` prints the table that docs/architecture.md quotes.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "harken"

LAYERS = (
    ("errors",),
    ("parsing",),
    (
        "cache",
        "config",
        "files",
        "hashing",
        "letters",
        "listed",
        "process_end",
        "progress",
        "registry",
        "threads",
        "times",
    ),
    ("audio", "engines", "facts", "labels", "runs"),
    ("item",),
    ("corpora", "models", "shards", "stats"),
    ("ask", "serve"),
    ("curate", "evaluate", "leaks", "report", "synth", "train"),
    ("clean",),
    ("recipes",),
    ("cli",),
)
"""Packages from the bottom up. Imports run down; packages of one layer do not know each other."""

MODEL_FRONT = (
    *("base", "load", "device", "embedding", "reply_cache", "listeners", "released", "target"),
)
"""What packages other than train and recipes may know of `harken.models`."""

FLOORS = {name: floor for floor, names in enumerate(LAYERS) for name in names}

ONLY_HERE = {
    "torch": ("models/", "train/", "serve/tokens"),
    "transformers": ("models/", "train/"),
    "soundfile": ("audio/",),
    "soxr": ("audio/",),
    "aiohttp": ("models/http/", "serve/"),
    "ray": ("engines/",),
    "openai": (),
    "httpx": (),
    "requests": (),
}
"""Library -> the places that may import it (path prefixes under src/harken)."""


@dataclass(frozen=True)
class Import:
    """One import statement: which file, what it names, and whether it runs at import time."""

    file: str
    line: int
    target: str
    late: bool


@functools.cache
def files() -> tuple[Path, ...]:
    """Every source file."""
    return tuple(sorted(SOURCE.rglob("*.py")))


@functools.cache
def tree(path: Path) -> ast.Module:
    """A file, parsed."""
    return ast.parse(path.read_text())


def room(path: str) -> str:
    """The package or root module of a path or dotted name relative to harken."""
    return path.removesuffix(".py").replace("/", ".").split(".")[0]


@functools.cache
def imports() -> tuple[Import, ...]:
    """All imports of all files, those inside functions included."""
    return tuple(_imports())


def _imports() -> Iterator[Import]:
    for path in files():
        name = path.relative_to(SOURCE).as_posix()
        parsed = tree(path)
        late = {
            id(inner)
            for node in ast.walk(parsed)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)
        }
        for node in ast.walk(parsed):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                targets = [_named(node.module, alias.name) for alias in node.names]
            else:
                continue
            for target in targets:
                yield Import(name, node.lineno, target, id(node) in late)


def _named(module: str, name: str) -> str:
    """What ``from module import name`` reads: the submodule of that name, else the module."""
    inner = f"{module}.{name}"
    path = SOURCE.joinpath(*inner.split(".")[1:])
    ours = module == "harken" or module.startswith("harken.")
    return inner if ours and (path.with_suffix(".py").is_file() or path.is_dir()) else module


def graph() -> dict[str, set[str]]:
    """File -> the files it imports, imports inside functions and package faces included."""
    names = {p.relative_to(SOURCE).as_posix().removesuffix(".py") for p in files()}
    found: dict[str, set[str]] = {name: set() for name in names}
    for one in imports():
        if not one.target.startswith("harken."):
            continue
        parts = one.target.split(".")[1:]
        source = one.file.removesuffix(".py")
        for end in range(1, len(parts) + 1):  # importing a module runs the faces above it
            path = "/".join(parts[:end])
            target = path if path in names else f"{path}/__init__"
            if target in names and target != source:
                found[source].add(target)
    return found


def circles() -> list[list[str]]:
    """Groups of files that import each other, by Tarjan's algorithm; a good tree has none."""
    edges, order, low, stack, found = graph(), {}, {}, [], []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for after in sorted(edges[node]):
            if after not in order:
                visit(after)
                low[node] = min(low[node], low[after])
            elif after in stack:
                low[node] = min(low[node], order[after])
        if low[node] == order[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(edges):
        if node not in order:
            visit(node)
    return found


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """(where, node, is public) for every function and method; nested functions are not public."""
    for path in files():
        name = path.relative_to(SOURCE).as_posix()
        parsed = tree(path)
        top = {id(n) for n in parsed.body}
        for cls in (n for n in parsed.body if isinstance(n, ast.ClassDef)):
            if not cls.name.startswith("_"):
                top |= {id(n) for n in cls.body}
        for node in ast.walk(parsed):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                public = id(node) in top and not node.name.startswith("_")
                yield f"{name}:{node.lineno} {node.name}", node, public


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, decorators left out."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def typed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether every parameter and the result are annotated."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    named = [a for a in arguments if a.arg not in ("self", "cls")]
    return node.returns is not None and all(a.annotation is not None for a in named)


def table() -> str:
    """The figures as lines of text."""
    sizes = sorted((len(p.read_text().splitlines()), p.relative_to(SOURCE)) for p in files())
    lengths = sorted((length(node), where) for where, node, _ in functions())
    public = [node for _, node, is_public in functions() if is_public]
    return "\n".join(
        [
            f"files {len(sizes)}, lines {sum(n for n, _ in sizes)}",
            f"largest file {sizes[-1][1]} {sizes[-1][0]} lines; median {sizes[len(sizes) // 2][0]}",
            f"largest function {lengths[-1][1]} {lengths[-1][0]} lines; "
            f"median {lengths[len(lengths) // 2][0]}; p90 {lengths[len(lengths) * 9 // 10][0]}",
            f"public functions typed: {sum(map(typed, public))} of {len(public)}; "
            f"with docstring: {sum(ast.get_docstring(n) is not None for n in public)}",
        ]
    )


if __name__ == "__main__":
    print(table())
