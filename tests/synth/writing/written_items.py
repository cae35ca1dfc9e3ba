"""Items to write about, and a server whose writer lies in known ways."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any
from zlib import crc32

from labelled_sounds import world

from fake_server import Standin, question
from harken.item import Item
from harken.synth.make import draw
from harken.synth.pool import RecordingPool

POOL = RecordingPool(world(["train"]), "train")


def of(*families: str, n: int = 12) -> list[Item]:
    """Items of families of the made-up world."""
    return [item for family in families for item in draw(POOL, "train", family, n, 7)]


LIES = ("true", "fenced", "label", "order", "count", "words", "refusal", "keys", "cut")


class Liar(Standin):
    """Writes short captions of the facts in the prompt: true ones, and false ones in known ways.

    The lie is drawn from the words of the prompt, so that another round has another one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: Counter[str] = Counter()

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        words = question(body)
        lie = LIES[crc32(words.encode()) % len(LIES)]
        self.told[lie] += 1
        made = super()._completion(body)
        made["choices"][0]["message"]["content"] = self._text(words, lie)
        return made

    def _text(self, words: str, lie: str) -> str:
        names = re.findall(r"- .*?sound: (.+)|- .*?music: (.+)|says (\".+?\")", words)
        heard = [f"someone saying {c}" if c else f'the sound "{a or b}"' for a, b, c in names]
        if lie == "label":
            heard[0] = "a violin"
        if lie == "order":
            heard = heard[::-1] if len(heard) > 1 else ["a saxophone", *heard]
        text = f"First {heard[0]}" if len(heard) < 2 else ", then ".join(heard)
        text += " ten times." if lie == "count" else "."
        if lie == "words":
            return f"Here is the caption: {text}"
        if lie == "refusal":
            return "I'm sorry, I cannot listen to the audio."
        reply = json.dumps({"text" if lie == "keys" else "caption": text})
        if lie == "cut":
            return reply[:-4]
        return f"Sure!\n```json\n{reply}\n```\nDone." if lie == "fenced" else reply
