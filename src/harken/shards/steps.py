"""Running steps over a stream of items: what goes on, what is dropped and why, all counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.files import held
from harken.item import Drop, Item, Step
from harken.progress import track
from harken.shards.info import MARKER
from harken.shards.write import ROWS, Stream, head_of, refuse_finished, standing


@dataclass(slots=True)
class Counts:
    """What became of the items: `seen` from the source, `kept`, and `dropped` by reason."""

    seen: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


def run_steps(
    source: Iterable[Item],
    steps: Sequence[Step],
    keep: Path | str,
    dropped: Path | str | None = None,
    *,
    name: str = "kept",
    plan: Any = None,
    embed: bool = False,
    root: Path | str | None = None,
) -> Counts:
    """Send `source` through `steps`; the kept go to one dataset, the dropped to another.

    Items stream: memory does not grow with their number. A dropped item carries the step and the
    reason as the last line of its history. Embedded audio is carried along in both datasets.
    The counts are also in `dataset.json` of `keep`. With a `plan`, a finished job of the same plan
    is left as it is; a job that was killed starts over.

    Raises:
        DataError: a step lost items without a reason, a folder holds something else, or another
            process writes to it.
    """
    heads = [head_of(keep, name, plan, embed, root, ROWS)]
    if dropped is not None:
        heads.append(head_of(dropped, f"{name}-dropped", plan, embed, root, ROWS))
    with ExitStack() as stack:
        for head in heads:
            head.folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(head.folder, DataError))
        found = [standing(head) for head in heads]
        if found[0] is not None and plan is None:
            refuse_finished(heads[0].folder)
        if found[0] is not None and all(found):
            return Counts(**found[0].steps)
        for head in heads:  # the kept are finished last, so without them nothing counts
            (head.folder / MARKER).unlink(missing_ok=True)
        kept_to, *dropped_to = [Stream(head, ROWS) for head in heads]
        flow = _Flow(dropped_to[0] if dropped_to else None)
        for item in flow.through(track(source, name), steps):
            kept_to.add(item)
            flow.counts.kept += 1
        flow.counts.dropped = dict(sorted(flow.counts.dropped.items()))
        for stream in dropped_to:
            stream.close(asdict(flow.counts))
        kept_to.close(asdict(flow.counts))
        return flow.counts


def apply_steps(source: Iterable[Item], steps: Sequence[Step]) -> Iterator[Item | Drop]:
    """The same without folders: kept items and drops, as they come (drops carry their history)."""
    waiting: list[Drop] = []
    flow = _Flow(None, waiting)
    for item in flow.through(source, steps):
        yield from waiting
        waiting.clear()
        yield item
    yield from waiting


class _Flow:
    """One pass of items through a chain of steps, with its counts."""

    def __init__(self, dropped: Stream | None, waiting: list[Drop] | None = None) -> None:
        self.counts = Counts()
        self._dropped = dropped
        self._waiting = waiting

    def through(self, source: Iterable[Item], steps: Sequence[Step]) -> Iterator[Item]:
        """The items that pass all steps; drops are put aside at once and see no later step."""
        stream = self._seen(source)
        for step in steps:
            stream = self._after(step, stream)
        return stream

    def _seen(self, source: Iterable[Item]) -> Iterator[Item]:
        for item in source:
            self.counts.seen += 1
            yield item

    def _after(self, step: Step, stream: Iterator[Item]) -> Iterator[Item]:
        taken = given = 0

        def counted() -> Iterator[Item]:
            nonlocal taken
            for item in stream:
                taken += 1
                yield item

        for out in step(counted()):
            given += 1
            if isinstance(out, Drop):
                self._put_aside(out, step_name(step))
            else:
                yield out
        if given < taken:
            raise DataError(
                f"the step {step_name(step)} took {taken} items and gave {given}",
                hint="A step must give every item or a Drop with the reason.",
            )

    def _put_aside(self, drop: Drop, step: str) -> None:
        counts = self.counts.dropped
        counts[drop.reason] = counts.get(drop.reason, 0) + 1
        item = drop.item.with_history(step, drop.reason)
        if self._dropped is not None:
            self._dropped.add(item)
        if self._waiting is not None:
            self._waiting.append(Drop(item, drop.reason))


def step_name(step: Step) -> str:
    """What a step is called in histories: its function's name, else its class's."""
    inner = getattr(step, "func", step)  # functools.partial
    return str(getattr(inner, "__name__", type(inner).__name__))
