"""A recogniser's words of every recording of read speech, with their times: WORDS.jsonl.

Run: ``python words.py ASR_FOLDER CORPORA WORDS.jsonl`` (two to six seconds a recording on a CPU).

ASR_FOLDER holds whisper-base, CORPORA the folders ``librispeech`` and ``ljspeech``. A line a
recording, sorted by path: ``{"path", "text", "words": [[word, start_s, end_s], …]}``. A killed run
resumes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.models.pretrained import find_folder, open_files, open_pipeline, open_weights
from harken.progress import track

ENGLISH = {"language": "en", "task": "transcribe", "num_beams": 1}
PATTERNS = ("librispeech/**/*.flac", "ljspeech/**/*.wav")


def recogniser(folder: Path) -> Any:
    """The pipeline of transformers that gives words and their times."""
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration
    from transformers import WhisperTokenizerFast as Tokenizer

    return open_pipeline(
        "automatic-speech-recognition",
        open_weights(WhisperForConditionalGeneration, folder, dtype="float32").eval(),
        tokenizer=open_files(Tokenizer, folder),
        feature_extractor=open_files(WhisperFeatureExtractor, folder),
    )


def main() -> None:
    """Append the recordings that are not in the file yet, then sort it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("asr")
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    hear = recogniser(find_folder(asked.asr))
    kept = asked.out.read_text("utf-8").splitlines() if asked.out.is_file() else []
    done = {json.loads(line)["path"]: line for line in kept}
    paths = [path for pattern in PATTERNS for path in sorted(asked.corpora.glob(pattern))]
    with asked.out.open("a", encoding="utf-8") as file:
        for path in track(paths, "recordings"):
            name = path.relative_to(asked.corpora).as_posix()
            if name in done:
                continue
            sound = {"raw": load(Clip(path=str(path))), "sampling_rate": RATE_HZ}
            told = hear(sound, return_timestamps="word", generate_kwargs=ENGLISH)
            words = [[w["text"].strip(), *w["timestamp"]] for w in told["chunks"]]
            done[name] = json.dumps({"path": name, "text": told["text"].strip(), "words": words})
            file.write(done[name] + "\n")
            file.flush()
    asked.out.write_text("\n".join(done[name] for name in sorted(done)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
