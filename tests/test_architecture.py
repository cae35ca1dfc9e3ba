"""The code holds its own rules: imports run down, files stay short, and a light command line."""

from __future__ import annotations

import ast
import contextlib
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import architecture
import set_order
from paths import REPO


def test_imports_run_down_only() -> None:
    wrong = []
    for one in architecture.imports():
        if not one.target.startswith("harken.") or one.file in ("__init__.py", "__main__.py"):
            continue
        here = architecture.room(one.file)
        there = architecture.room(one.target.removeprefix("harken."))
        if here == there:
            continue
        assert {here, there} <= {*architecture.FLOORS}, f"no layer for {here} or {there}"
        if architecture.FLOORS[here] <= architecture.FLOORS[there]:
            wrong.append(f"{one.file}:{one.line} imports {one.target}")
    assert not wrong, "\n".join(wrong)


def test_no_import_circles_between_files() -> None:
    assert not architecture.circles()


def test_package_faces_import_nothing_of_their_own() -> None:
    """A face that imports its members makes every import of one the import of all."""
    wrong = [
        f"{one.file} imports {one.target}"
        for one in architecture.imports()
        if one.file.endswith("__init__.py") and one.target.startswith("harken")
    ]
    assert not wrong


def test_heavy_libraries_stay_in_their_packages() -> None:
    wrong = [
        f"{one.file}:{one.line} imports {one.target}"
        for one in architecture.imports()
        for library, places in architecture.ONLY_HERE.items()
        if one.target.split(".")[0] == library and not one.file.startswith(places)
    ]
    assert not wrong, "\n".join(wrong)


def test_models_are_known_by_their_front_modules_only() -> None:
    wrong = [
        f"{one.file}:{one.line} imports {one.target}"
        for one in architecture.imports()
        if one.target.startswith("harken.models.")
        and one.target.removeprefix("harken.models.").split(".")[0] not in architecture.MODEL_FRONT
        and architecture.room(one.file) not in ("models", "serve", "train", "recipes")
    ]
    assert not wrong, "\n".join(wrong)


def test_settings_files_are_read_in_recipes_and_cli_only() -> None:
    wrong = [
        one.file
        for one in architecture.imports()
        if one.target == "harken.config" and architecture.room(one.file) not in ("recipes", "cli")
    ]
    assert not wrong


@pytest.mark.parametrize("limit", [400])
def test_no_file_is_too_long(limit: int) -> None:
    long = {
        str(p.relative_to(architecture.SOURCE)): n
        for p in architecture.files()
        if (n := len(p.read_text().splitlines())) > limit
    }
    assert not long


def test_functions_are_short_typed_and_documented() -> None:
    faults = []
    for where, node, public in architecture.functions():
        if architecture.length(node) > 80:
            faults.append(f"{where}: {architecture.length(node)} lines")
        arguments = [*node.args.args, *node.args.kwonlyargs]
        verb = where.startswith("cli/") and public  # its parameters are the options it has
        if not verb and len([a for a in arguments if a.arg not in ("self", "cls")]) > 10:
            faults.append(f"{where}: {len(arguments)} parameters")
        if not architecture.typed(node):
            faults.append(f"{where}: not fully annotated")
        if public and not ast.get_docstring(node):
            faults.append(f"{where}: no docstring")
    assert not faults, "\n".join(faults)


def test_every_module_says_what_it_is() -> None:
    silent = [p.name for p in architecture.files() if not ast.get_docstring(architecture.tree(p))]
    assert not silent


def test_nothing_unpickles_or_trusts_remote_code() -> None:
    banned = re.compile(r"\bimport pickle|trust_remote_code\s*=\s*True|torch\.load\(")
    hits = [p.name for p in architecture.files() if banned.search(p.read_text())]
    assert not hits


def test_no_order_of_a_set_reaches_anything() -> None:
    wrong = [
        f"{path.relative_to(architecture.SOURCE)}:{line}: {expression}"
        for path in architecture.files()
        for line, expression in set_order.hits(path.read_text())
    ]
    assert not wrong, "sort these, or keep a dict: " + "\n".join(wrong)


@pytest.mark.parametrize(
    "line",
    [
        "for x in {1, 2}: print(x)",
        "for x in set(a): print(x)",
        "out = [x for x in frozenset(a)]",
        "out = list({*a, *b})",
        "text = ', '.join({x for x in a})",
        "out = [*set(a)]",
        "print(*set(a))",
        "first = next(iter(set(a)))",
        "one = {1}.pop()",
        "a, b = {1, 2}",
        "for x in a.keys() - b: print(x)",
        "for x in set(a) | b: print(x)",
        "for x in {1}.union(b): print(x)",
        "best = max({1, 2}, key=len)",
        "out = {x: 1 for x in set(a)}",
        "out = dict.fromkeys(set(a))",
        "for i, x in enumerate(set(a)): print(i, x)",
        "held = set(a)\nfor x in held: print(x)",
        "def f(own: frozenset[str]):\n    for x in own: print(x)",
        "def f() -> set[str]: ...\nfor x in f(): print(x)",
        "class A:\n    own: set[str]\n    def f(self):\n        return [x for x in self.own]",
        "def f(self):\n    self.seen = set()\n    return list(self.seen)",
        "def f(a: set[int] | None):\n    return tuple(a or ())",
    ],
)
def test_going_through_a_set_is_seen(line: str) -> None:
    assert list(set_order.hits(line))


@pytest.mark.parametrize(
    "line",
    [
        "for x in sorted(set(a)): print(x)",
        "out = {x for x in set(a)}",
        "n = len(set(a)), sum(x for x in set(a)), any(x for x in set(a))",
        "out = sorted(x for x in set(a))",
        "out = sorted([*a, *set(b)])",
        "out = {*set(a), *b}",
        "yes = x in set(a)",
        "(one,) = set(a)",
        "low = min(set(a))",
        "for x in dict.fromkeys(a): print(x)",
        "for x in a.keys(): print(x)",
        "def f(held: list[str]):\n    for x in held: print(x)",
    ],
)
def test_what_has_an_order_or_needs_none_is_let_through(line: str) -> None:
    assert not list(set_order.hits(line))


def test_json_and_yaml_are_parsed_in_one_place() -> None:
    """Elsewhere deep nesting would be a RecursionError, and aliases could be a bomb."""
    calls = re.compile(r"\bjson\.loads?\(|\byaml\.\w*load\w*\(")
    there = {
        path.relative_to(architecture.SOURCE).as_posix()
        for path in architecture.files()
        if calls.search(path.read_text())
    }
    # One process reads what its own parent wrote, the other has a limit of its own, and the last
    # file is copied into exported folders, where there is no harken.
    apart = {"serve/server.py", "corpora/starter/espeak.py", "models/composed/joined.py"}
    assert there - apart == {"parsing.py"}


def test_lines_of_files_are_told_apart_in_one_place() -> None:
    """`str.splitlines` cuts a line of JSON or a transcript at U+2028; `text_lines` does not."""
    hits = [
        path.relative_to(architecture.SOURCE).as_posix()
        for path in architecture.files()
        if re.search(r"read_text\(.*\)\.splitlines\(", path.read_text())
    ]
    assert not hits


def test_links_are_followed_without_an_error() -> None:
    """`Path.resolve` is a RuntimeError on a loop of links before Python 3.13, `real_path` never."""
    places = {
        path.relative_to(architecture.SOURCE).as_posix()
        for path in architecture.files()
        if re.search(r"(?<!__file__\))\.resolve\(", path.read_text())
    }
    assert not places


def test_help_is_light() -> None:
    """It imports none of the heavy libraries, and little of harken: what takes time is imports."""
    code = (
        "import sys, contextlib\n"
        "from harken.cli.main import main\n"
        "sys.argv = ['harken', '--help']\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "heavy = {'numpy', 'torch', 'transformers', 'scipy', 'pyarrow', 'soundfile', 'pydantic'}\n"
        "heavy &= set(sys.modules)\n"
        "own = sorted(name for name in sys.modules if name.startswith('harken.'))\n"
        "inner = [name for name in own if not name.startswith('harken.cli.')]\n"
        "print(len(own), len(inner), file=sys.stderr)\n"
        "sys.exit(f'heavy imports: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    from harken.cli.main import VERBS

    own, inner = map(int, done.stderr.split()[-2:])
    assert own - inner <= len(VERBS) + 12, "a module of cli for each command, and a few for all"
    assert inner <= 20, "what help needs of other packages: errors, names of plugins"


def test_what_is_installed_under_other_terms_is_in_the_readme() -> None:
    """Of `[all]`: distributions whose own metadata name a licence of the GPL's or MPL's kind."""
    waiting, known = ["harken"], set[str]()
    extras = {"all", "train", "models", "starter", "http"}
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        with contextlib.suppress(metadata.PackageNotFoundError):
            for line in metadata.requires(name) or ():
                wanted = re.search(r"extra == ['\"](\w+)['\"]", line)
                if wanted is None or (name == "harken" and wanted[1] in extras):
                    waiting.append(re.split(r"[^\w.-]", line)[0].lower())
    readme = (REPO / "README.md").read_text()
    for name in sorted(known):
        with contextlib.suppress(metadata.PackageNotFoundError):
            told = metadata.metadata(name)
            terms = f"{told.get('License-Expression')} {told.get('License')}"[:200]
            if re.search(r"\b(A|L)?GPL|\bMPL|Mozilla", terms):
                assert name in readme, (name, terms)
    assert {"soxr", "espeakng-loader", "tqdm"} <= known  # the walk goes down


def test_the_project_speaks_of_itself_alone() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=REPO, capture_output=True, text=True, check=False
    ).stdout.split()
    if not tracked:
        pytest.skip("not a git checkout")
    # Absolute paths of a machine have no place in a published tree.
    banned = re.compile(r"(?<![\w./])/(work|home|root|Users)/\w")
    hits = [
        f"{name}: {line.strip()[:80]}"
        for name in tracked
        if (REPO / name).is_file() and (REPO / name).stat().st_size < 1_000_000
        for line in (REPO / name).read_text(errors="replace").splitlines()
        if banned.search(line.replace("/home/someone/", "")) and "banned = " not in line
    ]
    assert not hits, "\n".join(hits)


def test_class_names_are_unique() -> None:
    """One name for one thing: no public class stands in two files."""
    homes: dict[str, list[str]] = {}
    for path in architecture.files():
        for node in architecture.tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(path.name)
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_a_verb_is_in_the_file_of_its_name() -> None:
    from harken.cli.main import VERBS

    for verb, function in VERBS.items():
        assert function.__module__ == f"harken.cli.{verb.replace('-', '_')}"


def test_every_plugin_has_a_file_of_its_own() -> None:
    """Members of a registry that are looked up by module stand in as many modules."""
    from harken.cli.plugins import REGISTRIES
    from harken.registry import imported

    for kind, target in REGISTRIES.items():
        if kind == "native_families":  # one class may serve a whole model and a part of it
            continue
        entries = imported(target)._members.values()
        modules = [e.target.partition(":")[0] for e in entries if isinstance(e.target, str)]
        assert len(modules) == len({*modules}), kind


def test_tests_mirror_the_package() -> None:
    here = REPO / "tests"
    folders = {path.parent for path in here.rglob("test_*.py")} - {here}
    strange = [
        str(folder.relative_to(here))
        for folder in folders
        if not (architecture.SOURCE / folder.relative_to(here)).is_dir()
    ]
    assert not strange


def test_the_page_on_architecture_is_true() -> None:
    """docs/architecture.md names the layers from the top down, and only what exists."""
    text = (REPO / "docs" / "architecture.md").read_text()
    drawing = text.split("```")[1].strip().splitlines()
    layers = [set(re.split(r" {4,}", line)[0].split()) for line in drawing]
    assert layers == [set(layer) for layer in reversed(architecture.LAYERS)]
    for path in re.findall(r"`((?:\w+/)+\w*(?:\.py)?)`", text):
        places = (architecture.SOURCE, architecture.SOURCE / "models", REPO)
        assert any((place / path).exists() for place in places), path
    own = set(re.findall(r"def (test_\w+)", Path(__file__).read_text()))
    assert set(re.findall(r"`(test_\w+)`", text)) <= own
