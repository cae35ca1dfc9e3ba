"""From the options of `harken eval` to model, items, listeners and checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harken.cli.items import read_split
from harken.errors import ConfigError
from harken.models.reply_cache import ReplyCache

if TYPE_CHECKING:
    from harken.evaluate.about import BenchmarkRequest
    from harken.item import Item


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """One `harken eval`: a model, and a dataset or a benchmark."""

    model: str
    dataset: Path | None
    benchmark: str | None
    data: str | None
    audio: Path | None
    split: str
    limit: int
    judge: str | None
    embed: str | None
    score_by: str = "model"

    def run(
        self,
        out: Path,
        listeners: dict[str, str | None],
        selfcheck: int,
        stage: str,
        settings: dict[str, Any],
    ) -> dict[str, Any]:
        """Run the evaluation; `settings` are those of `harken.ask.plan.AskSettings`."""
        from harken.evaluate.run import STAGES, Guards, run
        from harken.models.base import score_choices_by
        from harken.models.listeners.load import load_listener
        from harken.models.load import load_model, needs_items
        from harken.shards.read import audio_below

        modes = {
            "stage": (stage, STAGES),
            "replies": (settings["replies"], ("all", "plain", "none")),
        }
        for name, (value, known) in modes.items():
            if value not in known:
                raise ConfigError(f"--{name} is {value!r}", hint=f"Use {', '.join(known)}.")
        for kind, option in (("transcript", "--asr"), ("caption", "--captioner")):
            if listeners.get(kind) and kind not in settings.get("conditions", ()):
                raise ConfigError(
                    f"{option} is given, but the condition {kind!r} is not",
                    hint=f"Add --condition {kind}, beside the other conditions.",
                )
        items, benchmark = self._questions(out)
        # The linear text-only model is cross-validated on the items themselves; an oracle needs
        # their answers.
        known_items = {"items": items} if needs_items(self.model) else {}
        settings["listeners"] = {
            kind: load_listener(name, kind) for kind, name in listeners.items() if name
        }
        with audio_below(self.audio):
            return run(
                score_choices_by(load_model(self.model, **known_items), self.score_by),
                items,
                out,
                dataset=self.dataset,
                benchmark=benchmark,
                guards=Guards(selfcheck=selfcheck),
                until=stage,  # type: ignore[arg-type]
                **settings,
            )

    def _questions(self, out: Path) -> tuple[list[Item], BenchmarkRequest | None]:
        """The items, and their benchmark if they are of one."""
        if (self.dataset is None) == (self.benchmark is None):
            raise ConfigError(
                "give either a dataset or a benchmark",
                hint="harken eval MODEL ITEMS, or harken eval MODEL --benchmark mmau --data MMAU",
            )
        if self.dataset is not None:
            return read_split(self.dataset, self.split, self.limit, self.audio), None
        from harken.cli.releases import source_of
        from harken.evaluate.about import BenchmarkRequest
        from harken.evaluate.benchmarks.helpers import Helpers
        from harken.evaluate.benchmarks.load import open_benchmark
        from harken.models.embedding import load_embedder
        from harken.models.load import load_model

        bench = open_benchmark(str(self.benchmark))
        data = source_of(bench, self.data)
        release = bench.release(data, self.audio, need_audio=True, partial=True)
        helpers = Helpers(
            judge=ReplyCache(load_model(self.judge), out / "judge") if self.judge else None,
            embed=load_embedder(self.embed) if self.embed else None,
        )
        items = list(release.items)[: self.limit or None]
        return items, BenchmarkRequest(bench, release, data, helpers)
