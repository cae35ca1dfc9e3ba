"""The code holds its own rules: imports run down, files stay short, and a light command line."""

from __future__ import annotations

import ast
import re
import resource
import subprocess
import sys

import pytest

import architecture
from paths import REPO


def test_imports_run_down_only() -> None:
    wrong = []
    for one in architecture.imports():
        if not one.target.startswith("harken.") or one.file == "__init__.py":
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


def test_libraries_stay_in_their_rooms() -> None:
    wrong = [
        f"{one.file}:{one.line} imports {one.target}"
        for one in architecture.imports()
        for library, places in architecture.ONLY_HERE.items()
        if one.target.split(".")[0] == library and not one.file.startswith(places)
    ]
    assert not wrong, "\n".join(wrong)


def test_ask_and_above_know_models_by_name_only() -> None:
    wrong = [
        f"{one.file}:{one.line} imports {one.target}"
        for one in architecture.imports()
        if one.target.startswith("harken.models.")
        and one.target.removeprefix("harken.models.").split(".")[0] not in architecture.MODEL_FRONT
        and architecture.room(one.file) not in ("models", "serve", "train", "recipes")
    ]
    assert not wrong, "\n".join(wrong)


def test_config_is_read_at_the_door() -> None:
    wrong = [
        one.file
        for one in architecture.imports()
        if one.target == "harken.config" and architecture.room(one.file) not in ("recipes", "cli")
    ]
    assert not wrong


@pytest.mark.parametrize("limit", [400])
def test_files_can_be_read_in_one_sitting(limit: int) -> None:
    long = {
        str(p.relative_to(architecture.SOURCE)): n
        for p in architecture.files()
        if (n := len(p.read_text().splitlines())) > limit
    }
    assert not long


def test_functions_are_short_typed_and_explained() -> None:
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
    silent = [
        p.name for p in architecture.files() if not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent


def test_nothing_unpickles_or_trusts_remote_code() -> None:
    banned = re.compile(r"\bimport pickle|trust_remote_code\s*=\s*True|torch\.load\(")
    hits = [p.name for p in architecture.files() if banned.search(p.read_text())]
    assert not hits


def test_help_is_fast_and_light() -> None:
    code = (
        "import sys, contextlib\n"
        "from harken.cli.main import main\n"
        "sys.argv = ['harken', '--help']\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "heavy = {'torch', 'transformers', 'scipy', 'pyarrow', 'soundfile'} & set(sys.modules)\n"
        "sys.exit(f'heavy imports: {heavy}' if heavy else 0)\n"
    )
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.5, seconds


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
