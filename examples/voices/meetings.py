"""Who says what: how much of a meeting is heard, and how well its voices are told apart.

    harken synth CORPUS -o meetings --family meeting --per-family 3000
    harken train sft meetings --model harken-tiny-trained -o trained --set sft.steps=2000 \
        --set sft.batch=16 --set sft.lr=1e-3 --set sft.augment=true
    harken eval trained/model meetings -o run --split test --condition audio \
        --condition swap --max-tokens 160
    python meetings.py run

`harken eval` gives cpWER. It is high where words are wrong, and where the right words are given to
the wrong speaker. This script takes it apart, for each condition of a run:

cpWER: words of each speaker joined, speakers matched for the fewest errors;
one speaker: cpWER of the same words if all were said by one: what no telling apart costs;
words: word errors of all words in their order, whoever says them;
speakers: share of the meetings with the right number of speakers;
DER: diarization error rate without a collar, of the meetings whose times are asked for.

Intervals are 95 % bootstrap intervals over meetings.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harken.ask.speaker_turns import SpeakerTurn, cp_errors, diarization, turns_in

Pair = tuple[list[SpeakerTurn], list[SpeakerTurn]]
"""True turns, and those of a reply."""

Counted = tuple[float, float]
"""Errors, and of how many."""


def together(turns: Sequence[SpeakerTurn]) -> list[SpeakerTurn]:
    """The same turns, all by one speaker."""
    return [replace(one, speaker="1") for one in turns]


def one_speaker(gold: Sequence[SpeakerTurn], said: Sequence[SpeakerTurn]) -> Counted:
    """Of cpWER, if all that is said were said by one."""
    return cp_errors(gold, together(said))


def words(gold: Sequence[SpeakerTurn], said: Sequence[SpeakerTurn]) -> Counted:
    """Of the word error rate, whoever speaks."""
    return cp_errors(together(gold), together(said))


def speakers(gold: Sequence[SpeakerTurn], said: Sequence[SpeakerTurn]) -> Counted:
    """Whether as many speak."""
    return float(len({t.speaker for t in gold}) == len({t.speaker for t in said})), 1.0


def der(gold: Sequence[SpeakerTurn], said: Sequence[SpeakerTurn]) -> Counted:
    """Of the diarization error rate; nothing where no times are asked for."""
    if any(one.span is None for one in gold):
        return 0.0, 0.0
    found = diarization(gold, said)
    return found.missed + found.false_alarm + found.confused, found.total


MEASURES: dict[str, Callable[[Sequence[SpeakerTurn], Sequence[SpeakerTurn]], Counted]] = {
    "cpWER": cp_errors,
    "one speaker": one_speaker,
    "words": words,
    "speakers": speakers,
    "DER": der,
}


def ratio(rows: Sequence[Counted], draws: int = 1000) -> list[float]:
    """Errors over all, and its interval."""
    own = np.array(rows, float)
    rng = np.random.default_rng(0)
    drawn = own[rng.integers(len(own), size=(draws, len(own)))].sum(1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    return [round(float(value), 3) for value in (own[:, 0].sum() / own[:, 1].sum(), low, high)]


def read(run: Path) -> dict[str, list[Pair]]:
    """The meetings of a run by condition; failed replies say nothing."""
    found: dict[str, list[Pair]] = {}
    for line in (run / "records.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["task"] == "meeting":
            pair = turns_in(record["answer"]), turns_in(record["reply"] or "")
            found.setdefault(record["condition"], []).append(pair)
    return found


def measured(pairs: Sequence[Pair]) -> dict[str, Any]:
    """All measures of some meetings."""
    return {name: ratio([own(*pair) for pair in pairs]) for name, own in MEASURES.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, nargs="+")
    for run in parser.parse_args().run:
        for condition, pairs in read(run).items():
            print(f"{run.name}, {condition}, {len(pairs)} meetings")
            for name, (value, low, high) in measured(pairs).items():
                print(f"  {name:12s} {100 * value:6.1f} % ({100 * low:.1f} to {100 * high:.1f})")


if __name__ == "__main__":
    main()
