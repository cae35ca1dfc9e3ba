"""The same mixtures by scaper (1.6.5), for `benchmarks/render_scenes.py --scaper PYTHON`.

Run by an interpreter that has scaper, which is not installed beside harken: ``python
scaper_mixtures.py FILE OUT``. The file has scenes as JSON: background and events with their files,
times and levels. Each is made by `scaper.Scaper.generate`: instantiated, every event through sox
and the loudness meter, summed, written as WAV, since it writes no FLAC. Prints the CPU seconds of
each round, children included.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any


def spent() -> float:
    """CPU seconds of this process and of those that it waited for."""
    own, others = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def generate(scene: dict[str, Any], root: Path, out: Path) -> None:
    """One mixture."""
    import scaper

    made = scaper.Scaper(
        scene["duration_s"], str(root / "foreground"), str(root / "background"), random_state=0
    )
    made.sr, made.ref_db, made.n_channels = 16_000, -40, 1
    made.protected_labels = []
    behind = scene["background"]
    made.add_background(("const", behind["label"]), ("const", behind["file"]), ("const", 0))
    for event in scene["events"]:
        made.add_event(
            label=("const", event["label"]),
            source_file=("const", event["file"]),
            source_time=("const", 0),
            event_time=("const", event["at_s"]),
            event_duration=("const", event["length_s"]),
            snr=("const", event["snr_db"]),
            pitch_shift=None,
            time_stretch=None,
        )
    made.generate(str(out), None, allow_repeated_label=True, allow_repeated_source=True,
                  disable_instantiation_warnings=True)  # fmt: skip


def main() -> None:
    file, out = map(Path, sys.argv[1:3])
    told = json.loads(file.read_text())
    took = []
    for turn in range(told["rounds"] + 1):  # the first imports
        start = spent()
        for number, scene in enumerate(told["scenes"]):
            generate(scene, Path(told["root"]), out / f"{turn}-{number}.wav")
        took.append(spent() - start)
    print(json.dumps(took[1:]))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
