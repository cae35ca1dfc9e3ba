"""Plugins of one file each, the ones in examples/plugins, used from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harken.audio.load import write_wav
from paths import REPO

PLUGINS = REPO / "examples" / "plugins"
LINES = {
    "layout_double_underscore": 30,
    "model_loudest": 60,
    "benchmark_pitch": 50,
    "condition_start": 35,
    "reward_hedging": 30,
    "scorer_mention": 30,
    "filter_echo": 30,
    "family_longer": 60,
    "encoder_patches": 60,
    "stage_lm_only": 35,
    "format_question_marks": 40,
}
"""Plugin -> lines that it may take: one file each, text at its head included."""


def harken(*words: str, plugin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    start = ["--plugin", str(PLUGINS / f"{plugin}.py")] if plugin else []
    return subprocess.run(
        [sys.executable, "-c", "from harken.cli.main import main; main()", *start, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


ONE_AFTER_ANOTHER = """
import contextlib, io, json, sys
from harken.cli.main import main
told = []
for words in json.load(sys.stdin):
    sys.argv, out = ["harken", *words], io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            main()
    except SystemExit as end:
        assert not end.code, words
    told.append(json.loads(out.getvalue()))
print(json.dumps(told))
"""


def in_one_process(commands: list[tuple[str, ...]], plugins: list[str]) -> list[dict]:
    """What several commands print; plugins stay as they are through all of them."""
    paths = ",".join(str(PLUGINS / f"{name}.py") for name in plugins)
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_ANOTHER],
        input=json.dumps([(*words, "--json") for words in commands]),
        capture_output=True,
        text=True,
        env={**os.environ, "HARKEN_PLUGINS": paths},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def found(done: subprocess.CompletedProcess[str], *also: int) -> dict:
    assert done.returncode in (0, *also), done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``label__take.wav``: two labels, eight takes each, from 0.5 to 4 seconds."""
    root = tmp_path_factory.mktemp("recordings")
    for place, label in enumerate(("low_hum", "whistle")):
        for take in range(8):
            time = np.arange(8_000 * (take + 1)) / 16_000
            wave = 0.1 * (place + 1) * np.sin(2 * np.pi * (110 + 900 * place + take) * time)
            write_wav(root / f"{label}__{take}.wav", wave, 16_000)
    return root


@pytest.fixture(scope="module")
def items(recordings: Path) -> Path:
    out = recordings.parent / "longer-items"
    words = ("synth", str(recordings), "-o", str(out), "--family", "longer", "--per-family", "20")
    assert found(harken(*words, "--json", plugin="family_longer"))["items"] >= 20
    return out


def test_every_example_is_short_and_tested() -> None:
    lines = {p.stem: len(p.read_text().splitlines()) for p in PLUGINS.glob("*.py")}
    assert lines.keys() == LINES.keys()
    assert {name: n for name, n in lines.items() if n > LINES[name]} == {}


def test_a_layout_is_recognised_before_the_one_that_fits_all(recordings: Path) -> None:
    told = found(harken("scan", str(recordings), "--json", plugin="layout_double_underscore"))
    assert told["layout"] == "double-underscore" and sorted(told["labels"]) == [
        "low hum",
        "whistle",
    ]
    assert found(harken("scan", str(recordings), "--json"))["layout"] == "folder"


def test_a_family_is_drawn_balanced(items: Path) -> None:
    shown = found(harken("show", str(items), "-n", "100", "--json"))["items"]
    answers = [item["answer"] for item in shown if item["split"] == shown[0]["split"]]
    assert abs(answers.count("clip 1") - answers.count("clip 2")) <= 1
    assert {item["task"] for item in shown} == {"longer"}


def test_a_model_is_evaluated(items: Path, tmp_path: Path) -> None:
    words = ("eval", "loudest:0.7", str(items), "-o", str(tmp_path), "--condition", "audio")
    told = found(harken(*words, "--split", "", "--json", plugin="model_loudest"))
    assert told["model"] == "loudest" and told["overall"]["cells"]["audio"]["accuracy"] is not None
    assert "no model is called 'loudest'" in harken(*words).stderr


@pytest.mark.slow
def test_a_condition_is_asked_and_told_in_its_own_words(items: Path, tmp_path: Path) -> None:
    run, page = tmp_path / "run", tmp_path / "page.html"
    asked = ("--condition", "audio", "--condition", "start-1", "--split", "")
    words = ("eval", "random", str(items), "-o", str(run), *asked)
    done = harken(*words, plugin="condition_start")
    assert done.returncode == 0, done.stderr
    assert "only the first 1 s of each clip" in " ".join(done.stdout.split())
    assert "a clip is no longer than 1 s" in " ".join(done.stdout.split())
    done = harken("report", str(run), "-o", str(page), plugin="condition_start")
    assert done.returncode == 0, done.stderr
    assert "only the first 1 s of each clip" in page.read_text()
    done = harken("report", str(run), "-o", str(page))
    assert done.returncode == 0, done.stderr
    plain = page.read_text()
    assert "a condition that is not installed here" in plain and "audible, the others" not in plain
    done = harken(*words[:3], "-o", str(tmp_path / "x"), *asked)
    assert done.returncode == 2 and "no condition is called 'start-1'" in done.stderr


@pytest.mark.slow
def test_a_scorer_is_named_in_the_run_and_used_again(items: Path, tmp_path: Path) -> None:
    words = ("eval", "constant", str(items), "-o", str(tmp_path), "--condition", "audio")
    told = found(harken(*words, "--scorer", "mention", "--json", plugin="scorer_mention"))
    assert told["overall"]["cells"]["audio"]["accuracy"] is not None
    assert json.loads((tmp_path / "run.json").read_text())["spec"]["scorer"] == "mention"
    rules = [json.loads(line)["text_rule"] for line in (tmp_path / "records.jsonl").open()]
    assert set(rules) == {"mention"}
    assert (
        found(harken("rescore", str(tmp_path), "--json", plugin="scorer_mention"))["changed"] == 0
    )
    refused = harken("rescore", str(tmp_path))
    assert refused.returncode == 2 and "no scorer is called 'mention'" in refused.stderr


@pytest.mark.slow
def test_a_hygiene_filter_has_settings_and_reasons(tmp_path: Path) -> None:
    rows = [
        {"question": "Is it a dog or a cat?", "answer": "dog", "choices": ["dog", "cat"]},
        {"question": "What is it?", "answer": "dog", "choices": ["dog", "cat"]},
    ]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("clean", str(tmp_path / "items.jsonl"), "--json")
    for name, letters, kept in (("a", 3, 1), ("b", 4, 2)):
        own = ("-o", str(tmp_path / name), "--filter", f"echo?letters={letters}")
        told = found(harken(*words, *own, plugin="filter_echo"))
        assert told["kept"] == kept and told["filters"][0]["settings"] == {"letters": letters}


@pytest.mark.slow
def test_a_benchmark_is_scored_and_asked(tmp_path: Path) -> None:
    rows = []
    for number, answer in enumerate(("low", "high", "low", "high")):
        write_wav(tmp_path / f"{number}.wav", 0.1 * np.ones(4_000 + number), 16_000)
        rows.append(
            {
                "id": str(number),
                "audio": f"{number}.wav",
                "question": "Is the tone low or high?",
                "choices": ["low", "high"],
                "answer": answer,
                "octave": "3",
            }
        )
    (tmp_path / "pitch.json").write_text(json.dumps(rows))
    replies = tmp_path / "replies.json"
    replies.write_text(json.dumps([{**row, "prediction": "low"} for row in rows]))
    scored = found(
        harken("score", "-b", "pitch", "-p", str(replies), "--json", plugin="benchmark_pitch")
    )
    assert scored["official"]["value"] == 0.5 and scored["benchmark"] == "pitch"
    words = ("eval", "random", "-b", "pitch", "--data", str(tmp_path / "pitch.json"))
    told = found(harken(*words, "-o", str(tmp_path / "run"), "--json", plugin="benchmark_pitch"))
    assert told["items"] == 4 and told["official"]["submitted"]


def test_a_reward_is_loaded_by_the_environment() -> None:
    code = (
        "from harken.ask.rewards.load import build_reward\n"
        "from harken.ask.prompt import make_prompt\n"
        "from harken.item import Item\n"
        "from harken.models.base import PromptStyle\n"
        "item = Item('Which?', 'dog', ('dog', 'cat'))\n"
        "reward = build_reward('accuracy=1,hedging=0.25')\n"
        "prompt = make_prompt(item, PromptStyle())\n"
        "print(reward(item, prompt, 'A'), reward(item, prompt, 'Maybe A'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "HARKEN_PLUGINS": str(PLUGINS / "reward_hedging.py")},
        check=False,
    )
    first, second = map(float, done.stdout.split())
    assert first == 1.0 and second in (0.75, -0.25), done.stderr


def test_plugins_are_listed_with_their_origin() -> None:
    told = found(harken("plugins", "--json", plugin="condition_start"))["plugins"]
    rows = {row["name"]: row for row in told["conditions"]["members"]}
    assert rows["swap"]["origin"] == "built in" and rows["swap"]["about"] == "another item's sound"
    assert rows["start-S"]["origin"].startswith("plugin file ")
    assert rows["start-S"]["origin"].endswith("condition_start.py")
    for kind in told.values():
        assert all(row["about"] and not row["fault"] for row in kind["members"])


DISTRIBUTION = {
    "good.py": "from harken.corpora.base import Layout\n"
    "LAYOUT = Layout('mine', 'my layout', lambda root: (root / 'mine').exists(),"
    " lambda root: iter(()))\n",
    "broken.py": "import no_such_library_at_all\n",
    "my_extras-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: my-extras\nVersion: 1.0\n",
    "my_extras-1.0.dist-info/entry_points.txt": "[harken.layouts]\nmine = good:LAYOUT\n"
    "broken = broken:LAYOUT\nfolder = good:LAYOUT\n",
}


def test_a_format_of_training_sets_is_read_and_its_faults_are_told(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.sin(np.arange(8000) / 5).astype(np.float32), 16_000)
    path = tmp_path / "talk.qa"
    path.write_text("a.wav | What is it? a tone\n")
    done = harken("show", str(path), "--json", plugin="format_question_marks")
    (item,) = found(done)["items"]
    assert (item["question"], item["answer"]) == ("What is it?", "a tone")
    path.write_text("a.wav | What is it? a tone\nno bar\ngone.wav | And this? x\n")
    done = harken("show", str(path), plugin="format_question_marks")
    assert done.returncode == 3
    assert "line 2: it has no bar" in done.stderr and "line 3: audio 'gone.wav'" in done.stderr


def test_the_plugin_in_the_docs_works(items: Path, tmp_path: Path) -> None:
    text = (REPO / "docs" / "plugins.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    (tmp_path / "plugin.py").write_text(code)
    words = ("eval", "random", str(items), "-o", str(tmp_path / "run"), "--condition", "backwards")
    done = harken("--plugin", str(tmp_path / "plugin.py"), *words)
    assert done.returncode == 0, done.stderr
    assert "the clips in reverse order" in " ".join(done.stdout.split())


def test_every_group_of_entry_points_is_in_the_docs() -> None:
    text = (REPO / "docs" / "plugins.md").read_text()
    for kind, told in found(harken("plugins", "--json"))["plugins"].items():
        assert told["group"] == f"harken.{kind}" and f"`{told['group']}`" in text


def test_entry_points_are_found_and_a_broken_one_breaks_no_other(tmp_path: Path) -> None:
    for name, text in DISTRIBUTION.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(text)
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    done = harken("plugins", "layouts", "--json", PYTHONPATH=path)
    rows = {row["name"]: row for row in found(done)["plugins"]["layouts"]["members"]}
    assert rows["mine"]["origin"] == "entry point of my-extras"
    assert rows["mine"]["about"] == "my layout" and not rows["mine"]["fault"]
    assert "no_such_library_at_all" in rows["broken"]["fault"]
    assert rows["folder"]["origin"] == "built in"
    assert "'folder' is left out (entry point of my-extras)" in done.stderr

    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "mine").touch()
    done = harken("scan", str(corpus), "--json", PYTHONPATH=path)
    assert found(done)["layout"] == "mine"
    assert "broken" in done.stderr and "my-extras" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import no_such_thing\n", "plugin.py:1"),
        ("x = 1\nraise ValueError('the reason')\n", "plugin.py:2"),
        ("x = (\n", "SyntaxError"),
        ("from harken.corpora.read import LAYOUTS\nLAYOUTS.add(3)\n", "`name`"),
        (
            "from harken.ask.conditions.load import CONDITIONS\n"
            "from harken.ask.conditions.base import Condition\n"
            "CONDITIONS.add(Condition('swap', 'x', lambda items, seed: list(items)))\n",
            "exists already (built in)",
        ),
    ],
)
def test_a_plugin_that_fails_is_told_in_one_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(text)
    done = harken("--plugin", str(tmp_path / "plugin.py"), "plugins")
    assert done.returncode == 2 and says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_layout_that_fails_is_told_and_passed_over(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(
        "from harken.corpora.base import Layout\nfrom harken.corpora.read import LAYOUTS\n"
        "LAYOUTS.add(Layout('mine', 'mine', lambda root: 1 / 0, lambda root: iter(())))\n"
    )
    done = harken("--plugin", str(tmp_path / "plugin.py"), "scan", str(recordings), "--json")
    assert found(done)["layout"] == "folder"
    assert "the layout 'mine' failed: ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(
    ("generic", "layouts"), [(True, ("any", "manifest")), (False, ("any", "any"))]
)
def test_a_layout_from_outside_goes_before_the_own_ones_of_its_kind(
    generic: bool, layouts: tuple[str, str], tmp_path: Path
) -> None:
    """A generic one after what a folder says of itself, and before ``folder``, which fits all."""
    (tmp_path / "plugin.py").write_text(
        "from harken.corpora.base import Layout\nfrom harken.corpora.read import LAYOUTS\n"
        "LAYOUTS.add(Layout('any', 'any folder', lambda root: True, lambda root: iter(()),"
        f" generic={generic}))\n"
    )
    for name in ("plain", "listed"):
        (tmp_path / name).mkdir()
    (tmp_path / "listed" / "manifest.csv").write_text("path,label\nrain.wav,rain\n")
    for name, layout in zip(("plain", "listed"), layouts, strict=True):
        words = ("scan", str(tmp_path / name), "--json")
        told = found(harken("--plugin", str(tmp_path / "plugin.py"), *words))
        assert told["layout"] == layout


@pytest.mark.parametrize("spec", ["no_such_module", "not a module", "missing.py"])
def test_a_plugin_that_is_not_there_is_told_with_a_hint(spec: str) -> None:
    done = harken("--plugin", spec, "plugins")
    assert done.returncode == 2 and "my_plugin.py" in done.stderr


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Llama with a tokenizer, as transformers saves it."""
    pytest.importorskip("torch")
    import transformers as tf
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    folder = tmp_path_factory.mktemp("lm")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Which clip is longer?", "clip 1", "clip 2"], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = tf.LlamaConfig(
        vocab_size=300, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=512, eos_token_id=0,
    )  # fmt: skip
    tf.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_an_encoder_is_composed_trained_and_evaluated(
    lm: Path, items: Path, tmp_path: Path
) -> None:
    model, out, after, run = (str(tmp_path / name) for name in ("model", "out", "lm", "run"))
    few = ("--set", "sft.steps=2", "--set", "sft.batch=2", "--set", "hearing.items=4")
    one = ("--set", "lm-only.steps=1", "--set", "lm-only.batch=2", "--set", "hearing.items=4")
    linear = ("--projector", "linear")
    made, trained, last, asked = in_one_process(
        [
            ("compose", "--encoder", "patches", "--lm", str(lm), *linear, "-o", model),
            ("train", "sft", str(items), "--model", model, *few, "-o", out),
            ("train", "lm-only", str(items), "--model", f"{out}/model", *one, "-o", after),
            ("eval", f"{after}/model", str(items), "-o", run, "--limit", "6"),
        ],
        ["encoder_patches", "stage_lm_only"],
    )  # fmt: skip
    assert made["parameters"]["audio_encoder"] == 4 * 64 * 96 + 96
    assert trained["defaults"] == "neutral" and trained["identity"] != made["identity"]
    # The stage from outside, on that model; the audio side stays as it was.
    assert last["settings"]["groups"] == ["lm"] and last["identity"] != trained["identity"]
    assert asked["overall"]["cells"]["audio"]["items"] > 0
    gone = harken("eval", last["model"], str(items), "-o", f"{run}-elsewhere")
    assert gone.returncode == 2 and "no encoder is called 'patches'" in gone.stderr


@pytest.mark.slow
def test_a_reward_is_named_beside_others(items: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    few = ("steps=1", "items=2", "group=2", "max_tokens=4", "temperature=3.0", "checkpoint_every=1")
    words = [word for one in few for word in ("--set", f"grpo.{one}")]
    words += [
        "--set",
        "hearing.items=4",
        "--set",
        "grpo.rewards=accuracy=1,hedging=0.3",
        "--model",
        "harken-mini",
    ]
    out = tmp_path / "out"
    told = found(
        harken("train", "grpo", str(items), "-o", str(out), *words, "--json",
               plugin="reward_hedging"),
        11,  # two replies of four tokens may well earn the same
    )  # fmt: skip
    assert told["settings"]["rewards"] == "accuracy=1,hedging=0.3"
    wrong = harken("train", "grpo", str(items), "-o", str(out), *words, "--json")
    assert wrong.returncode == 2 and "no reward is called 'hedging'" in wrong.stderr
