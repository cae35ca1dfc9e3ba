"""Measures of the house itself: who imports whom, how long files and functions are, what is typed.

`python tests/house.py` prints the table that the guide quotes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "harken"

FLOORS = {
    "errors": 0,
    "registry": 1,
    "config": 1,
    "progress": 1,
    "files": 1,
    "audio": 1,
    "item": 2,
    "corpora": 3,
    "models": 3,
    "shards": 3,
    "ask": 4,
    "runs": 4,
    "synth": 5,
    "curate": 5,
    "train": 5,
    "evaluate": 5,
    "report": 5,
    "recipes": 6,
    "cli": 7,
}
"""Room -> floor. Imports run down; within a floor only the pairs below are allowed."""

SAME_FLOOR = {("audio", "progress"), ("ask", "runs")}

ONLY_HERE = {
    "torch": ("models/", "train/"),
    "transformers": ("models/", "train/"),
    "soundfile": ("audio",),
    "soxr": ("audio",),
    "aiohttp": ("models/openai", "models/serve"),
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


def files() -> list[Path]:
    """Every source file."""
    return sorted(SOURCE.rglob("*.py"))


def room(path: str) -> str:
    """The room of a path or dotted name relative to the package (``audio_decode`` -> ``audio``)."""
    head = path.replace(".py", "").replace("/", ".").split(".")[0]
    if head in FLOORS:
        return head
    stem = head.split("_")[0]
    return stem if stem in FLOORS else head


def imports() -> Iterator[Import]:
    """All imports of all files, those inside functions included."""
    for path in files():
        name = path.relative_to(SOURCE).as_posix()
        tree = ast.parse(path.read_text())
        late = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
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


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """(where, node, is public) for every function and method; nested functions are not public."""
    for path in files():
        name = path.relative_to(SOURCE).as_posix()
        tree = ast.parse(path.read_text())
        top = {id(n) for n in tree.body}
        for cls in (n for n in tree.body if isinstance(n, ast.ClassDef)):
            if not cls.name.startswith("_"):
                top |= {id(n) for n in cls.body}
        for node in ast.walk(tree):
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
