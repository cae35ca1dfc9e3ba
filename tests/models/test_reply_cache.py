"""A judge's replies, kept by content."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harken.audio.clip import Clip
from harken.audio.load import write_wav
from harken.errors import ModelError
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.reply_cache import ReplyCache
from harken.models.reply_store import FILE

GREEDY = Sampling()


class Counts:
    """Says how often it was asked; "fail" fails."""

    name, max_clips, style = "counts", 1, PromptStyle(letters=False)

    def __init__(self, tag: str = "", batch: int = 2) -> None:
        self.tag, self.batch = tag, batch
        self.seen: list[str] = []

    def generate(self, prompts, sampling):
        self.seen += [prompt.question for prompt in prompts]
        return [
            Reply("", "failed", "down") if p.question == "fail" else Reply(f"{p.question}!")
            for p in prompts
        ]

    def choice_logprobs(self, prompts):
        return [None] * len(prompts)

    def identity(self):
        return f"counts {self.tag}"


def asked(text: str) -> Prompt:
    return Prompt((text,), text)


def test_stored_replies_are_not_requested_again_and_failures_are(tmp_path: Path) -> None:
    words = ["a", "b", "a", "fail", "c"]
    one = ReplyCache(Counts(), tmp_path)
    first = one.generate([asked(w) for w in words], GREEDY)
    assert [reply.text for reply in first] == ["a!", "b!", "a!", "", "c!"]
    assert one.model.seen == ["a", "b", "fail", "c"]
    assert (one.asked, one.cached, one.failed) == (4, 1, 1)
    one.close()
    again = ReplyCache(Counts(), tmp_path)
    assert [r.text for r in again.generate([asked(w) for w in words], GREEDY)][:3] == [
        "a!", "b!", "a!"
    ]  # fmt: skip
    assert again.model.seen == ["fail"] and again.cached == 4
    again.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda p: (replace(p, system="be strict"), GREEDY),
        lambda p: (replace(p, schema='{"type":"object"}'), GREEDY),
        lambda p: (replace(p, parts=("other",)), GREEDY),
        lambda p: (replace(p, choices=("x", "y"), order=(0, 1)), GREEDY),
        lambda p: (p, Sampling(seed=1)),
        lambda p: (p, Sampling(temperature=0.5)),
        lambda p: (p, Sampling(max_tokens=9)),
    ],
)
def test_whatever_could_change_the_reply_is_in_the_key(change, tmp_path: Path) -> None:
    kept = ReplyCache(Counts(), tmp_path)
    kept.generate([asked("a")], GREEDY)
    prompt, sampling = change(asked("a"))
    kept.generate([prompt], sampling)
    assert kept.asked == 2 and kept.cached == 0
    kept.close()


def test_another_model_and_another_sound_are_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    prompt = Prompt((Clip(path=str(path)), "what?"), "what?")
    for number, tag in enumerate(("", "", "other")):
        if number != 1:
            write_wav(path, np.full(800, 0.1 * (number + 1), np.float32), 8000)
        kept = ReplyCache(Counts(tag), tmp_path / "store")
        kept.generate([prompt], GREEDY)
        assert kept.asked == (0 if number == 1 else 1)
        kept.close()
    gone = ReplyCache(Counts(), tmp_path / "store")
    assert gone.generate([Prompt((Clip(path="no.wav"), "?"), "?")], GREEDY)[0].text == "?!"
    gone.close()


def test_a_reply_comes_back_whole_and_a_torn_line_is_asked_again(tmp_path: Path) -> None:
    whole = Reply("B", "length", None, (-0.5, -1.0), "because")

    class Tells(Counts):
        def generate(self, prompts, sampling):
            super().generate(prompts, sampling)
            return [whole] * len(prompts)

    kept = ReplyCache(Tells(), tmp_path)
    kept.generate([asked("a"), asked("b")], GREEDY)
    with pytest.raises(ModelError):
        raise_if_shared(tmp_path)
    kept.close()
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(lines[0] + lines[1][:-20])
    again = ReplyCache(Tells(), tmp_path)
    assert again.generate([asked("a"), asked("b")], GREEDY) == [whole, whole]
    assert again.asked == 1 and json.loads(lines[0])["text"] == "B"
    again.close()


def raise_if_shared(folder: Path) -> None:
    """A second process is refused the folder."""
    import subprocess
    import sys

    code = (
        "import sys; from harken.models.reply_store import ReplyStore\n"
        "from harken.errors import ModelError\n"
        "try: ReplyStore(sys.argv[1])\n"
        "except ModelError: sys.exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    if done.returncode == 9:
        raise ModelError("held")
