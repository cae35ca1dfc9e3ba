"""One way in for files of transformers: never the code of a folder, never a pickle."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import architecture
from harken.errors import ModelError
from harken.models.embedding import load_embedder
from harken.models.load import load_model
from harken.models.pretrained import check_folder, find_folder, open_files, open_weights
from paths import REPO

DOOR = "models/pretrained.py"
EXPORTED = "models/composed/joined.py"
"""Copied beside an exported model: it works without harken, and says the same itself."""
OPENERS = {"from_pretrained", "from_config", "pipeline", "from_auto", "torch_hub_load", "load_tool"}
REACHED = {"hub.load", "torch.load", "pickle.load", "pickle.loads", "dill.load", "joblib.load"}


def calls(source: str) -> Iterator[tuple[int, str, ast.Call]]:
    """(line, dotted name of what is called, the call), through ``getattr`` with a constant too."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called: Any = node.func
        if isinstance(called, ast.Call) and getattr(called.func, "id", "") == "getattr":
            name = called.args[1].value if isinstance(called.args[1], ast.Constant) else "?"
            yield node.lineno, f".{name}", node
            continue
        yield node.lineno, ast.unparse(called), node


def opens(source: str) -> list[str]:
    """The calls of `source` that open a model, a part of one, or a pickle."""
    found = []
    for line, name, node in calls(source):
        last = name.rsplit(".", 1)[-1]
        if last in OPENERS or any(name == one or name.endswith("." + one) for one in REACHED):
            found.append(f"{line}: {name}")
        if any(keyword.arg == "trust_remote_code" for keyword in node.keywords):
            found.append(f"{line}: {name}(trust_remote_code)")
    # A name that is passed on, or bound, is called elsewhere.
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("transformers"):
            found += [f"{node.lineno}: import {a.name}" for a in node.names if a.name == "pipeline"]
    return found


def test_every_opening_is_in_one_module() -> None:
    found = {
        path.relative_to(architecture.SOURCE).as_posix(): hits
        for path in architecture.files()
        if (hits := opens(path.read_text()))
    }
    assert set(found) == {DOOR, EXPORTED}, found
    outside = [*(REPO / "examples").rglob("*.py"), *(REPO / "benchmarks").rglob("*.py")]
    assert [path.name for path in outside if opens(path.read_text())] == []


def test_every_opening_in_that_module_says_that_no_code_is_run() -> None:
    source = (architecture.SOURCE / DOOR).read_text()
    for line, name, node in calls(source):
        if name.rsplit(".", 1)[-1] not in OPENERS:
            continue
        said = {word.arg: word.value for word in node.keywords}
        direct = said.get("trust_remote_code")
        fixed = None in said and "fixed" in ast.unparse(said[None])
        assert fixed or (isinstance(direct, ast.Constant) and direct.value is False), line
    assert source.count('"trust_remote_code": False') == 2
    assert source.count('"use_safetensors": True') == 1


@pytest.mark.parametrize(
    "line",
    [
        "AutoModel.from_pretrained(folder)",
        "transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)",
        "getattr(loader, 'from_pretrained')(folder)",
        "getattr(transformers, name).from_pretrained(folder)",
        "pipeline('automatic-speech-recognition', folder)",
        "transformers.pipeline(task)",
        "from transformers import pipeline as p",
        "AutoModel.from_config(config)",
        "torch.hub.load(repo, name)",
        "torch.load(path)",
        "loader(folder, trust_remote_code=asked)",
    ],
)
def test_the_guard_sees_every_way_of_opening(line: str) -> None:
    assert opens(line)


class Recorder:
    """Stands for a class of transformers, and keeps what it is called with."""

    def __init__(self, missing: int = 0) -> None:
        self.options: dict[str, Any] = {}
        self.missing = [f"layer.{i}" for i in range(missing)]

    def state_dict(self) -> list[int]:
        return [0] * 10

    def from_pretrained(self, source: Any, **options: Any) -> Any:
        self.options = options
        report = {"missing_keys": self.missing}
        return (self, report) if options.get("output_loading_info") else self


def test_what_is_said_cannot_be_overridden(tmp_path: Path) -> None:
    loader = Recorder()
    asked: dict[str, Any] = {"trust_remote_code": True, "use_safetensors": False, "dtype": "auto"}
    assert open_weights(loader, tmp_path, **asked) is loader
    said = {"trust_remote_code": False, "use_safetensors": True, "output_loading_info": True}
    assert loader.options == {**said, "dtype": "auto"}
    assert open_weights(loader, tmp_path, output_loading_info=True)[0] is loader
    open_files(loader, tmp_path, trust_remote_code=True)
    assert loader.options == {"trust_remote_code": False}


def test_exported_code_says_so_too() -> None:
    source = (architecture.SOURCE / EXPORTED).read_text()
    opened = 0
    for line, name, node in calls(source):
        if name.rsplit(".", 1)[-1] != "from_pretrained":
            continue
        said = {word.arg: ast.unparse(word.value) for word in node.keywords}
        files = "Tokenizer" in name or "Extractor" in name
        assert files or said.get("use_safetensors") == "True", line
        assert "Peft" in name or said.get("trust_remote_code") == "False", line
        opened += 1
    assert opened == 5


def test_a_model_of_random_weights_is_refused(tmp_path: Path) -> None:
    for few in (0, 1, 5):
        open_weights(Recorder(few), tmp_path)
    for many in (6, 10):
        with pytest.raises(ModelError, match=f"{many} of 10 tensors are missing"):
            open_weights(Recorder(many), tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth", "tf_model.h5"])
def test_a_folder_of_pickles_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match=r"no safetensors .*can run code"):
        check_folder(tmp_path)
    with pytest.raises(ModelError, match="no safetensors"):
        open_weights(Recorder(), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    check_folder(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        {"attn_implementation": "someone/kernel"},
        {"_attn_implementation": "someone/kernel:flash"},
        {"text_config": {"experts_implementation": "someone/kernel"}},
        {"parts": [{"a": {"attn_implementation": "x/y@main"}}]},
    ],
)
def test_a_configuration_that_names_a_kernel_is_refused(
    config: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    for call in (open_weights, open_files):
        with pytest.raises(ModelError, match="names code on the hub"):
            call(Recorder(), tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"attn_implementation": "sdpa"}))
    assert open_weights(Recorder(), tmp_path)


CODE = """
from pathlib import Path
Path({planted!r}).write_text("the code was run")
from transformers import PretrainedConfig, PreTrainedModel
class OwnConfig(PretrainedConfig):
    model_type = {kind!r}
class OwnModel(PreTrainedModel):
    config_class = OwnConfig
class OwnTokenizer:
    pass
"""


def planted_folder(folder: Path, kind: str) -> Path:
    """A folder with code of its own under every name that transformers looks for."""
    folder.mkdir()
    own = "own.Own"
    names = ["AutoModel", "AutoModelForCausalLM", "AutoModelForCTC", "AutoModelForSpeechSeq2Seq"]
    maps = {"AutoConfig": f"{own}Config", **dict.fromkeys(names, f"{own}Model")}
    maps["AutoTokenizer"] = [f"{own}Tokenizer", None]
    maps |= dict.fromkeys(("AutoFeatureExtractor", "AutoProcessor"), f"{own}Tokenizer")
    config = {"model_type": kind, "architectures": ["OwnModel"], "auto_map": maps}
    config["custom_pipelines"] = {"automatic-speech-recognition": {"impl": "own.OwnTokenizer"}}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer_config", "preprocessor_config", "processor_config"):
        (folder / f"{name}.json").write_text(json.dumps({"auto_map": maps}))
    planted = str(folder.parent / "planted.txt")
    (folder / "own.py").write_text(CODE.format(planted=planted, kind=kind))
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return folder


ASKED = """
import sys
from harken.errors import HarkenError
from harken.models.embedding import load_embedder
from harken.models.load import load_model
from harken.models.composed.model import compose_pretrained
from pathlib import Path
for folder in sys.argv[1:]:
    for ask in (
        lambda: load_model("native:" + folder),
        lambda: load_model("asr:" + folder),
        lambda: load_embedder("hf:" + folder),
        lambda: compose_pretrained(Path(folder), Path(folder)),
    ):
        try:
            ask()
        except HarkenError as error:
            print("refused")
        else:
            print("opened")
"""


def test_the_code_of_a_folder_is_never_run_even_if_stdin_says_yes(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    kinds = ("own-kind", "whisper", "bert")
    folders = [str(planted_folder(tmp_path / kind, kind)) for kind in kinds]
    done = subprocess.run(
        [sys.executable, "-c", ASKED, *folders],
        input="y\n" * 100,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split().count("refused") == 4 * len(kinds), done.stdout
    assert "[y/N]" not in done.stdout + done.stderr, "nobody is asked"
    assert not (tmp_path / "planted.txt").exists()


def test_the_embedder_and_the_recogniser_refuse_pickles(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match="no safetensors"):
        load_embedder(f"hf:{tmp_path}")
    with pytest.raises(ModelError, match="no safetensors"):
        load_model(f"asr:{tmp_path}")
    with pytest.raises(ModelError, match="no native family"):
        load_model(f"native:{tmp_path}")


class OfflineModeIsEnabled(ConnectionError):
    """Named as that of huggingface_hub."""


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionError("refused"), "there was no network to reach it: refused"),
        (caused(ValueError("not in the cache"), ConnectionError("x")), "no network to reach it"),
        (OSError("ConnectTimeout: timed out"), "no network to reach it"),
        (OfflineModeIsEnabled("cannot reach it: offline mode is enabled"), "HF_HUB_OFFLINE is set"),
        (ValueError("404: Repository Not Found\nmore"), "404: Repository Not Found"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_why_the_hub_gave_nothing_is_told(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(ModelError) as raised:
        find_folder("somebody/something")
    found = str(raised.value)
    assert told in found and "the hub's cache" in found and "more" not in found
    assert ("no network" in found) == ("no network" in told)
