"""Running steps over a stream of items, with counts of kept items and of drops by reason."""

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
from harken.shards.write import ROWS, Stream, existing, head_of, refuse_finished


@dataclass(slots=True)
class Counts:
    """Counts of items.

    Attributes:
        seen: from the source.
        kept: by all steps.
        dropped: by reason.
        steps: for each step in order its name as ``step``, how many items it ``read`` and ``kept``,
            those it ``dropped`` by reason, and what else it ``told`` (`told` of the step, if any).
    """

    seen: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


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
    """Pass `source` through `steps`; kept items go to one dataset, dropped ones to another.

    Items are streamed: memory does not grow with their number. A dropped item has the step and the
    reason as the last entry of its history. Embedded audio is copied into both datasets. The counts
    are also in `dataset.json` of `keep`. With a `plan`, a complete dataset of the same plan is not
    made again; a killed job starts over.

    Raises:
        DataError: a step lost items without a reason, a folder holds another dataset, or another
            process writes to it.
    """
    heads = [head_of(keep, name, plan, embed, root, ROWS)]
    if dropped is not None:
        heads.append(head_of(dropped, f"{name}-dropped", plan, embed, root, ROWS))
    with ExitStack() as stack:
        for head in heads:
            head.folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(head.folder, DataError))
        found = [existing(head) for head in heads]
        if found[0] is not None and plan is None:
            refuse_finished(heads[0].folder)
        if found[0] is not None and all(found):
            return Counts(**found[0].steps)
        for head in heads:  # the kept are completed last: without them the job is not done
            (head.folder / MARKER).unlink(missing_ok=True)
        kept_to, *dropped_to = [Stream(head, ROWS) for head in heads]
        flow = _Flow(dropped_to[0] if dropped_to else None)
        for item in flow.through(track(source, name), steps):
            kept_to.add(item)
            flow.counts.kept += 1
        flow.counts.dropped = dict(sorted(flow.counts.dropped.items()))
        for step, account in zip(steps, flow.counts.steps, strict=True):
            account["dropped"] = dict(sorted(account["dropped"].items()))
            account["told"] = dict(getattr(step, "told", {}))
        for stream in dropped_to:
            stream.close(asdict(flow.counts))
        kept_to.close(asdict(flow.counts))
        return flow.counts


def apply_steps(source: Iterable[Item], steps: Sequence[Step]) -> Iterator[Item | Drop]:
    """`run_steps` without folders: kept items and drops in order; drops have their history."""
    waiting: list[Drop] = []
    flow = _Flow(None, waiting)
    for item in flow.through(source, steps):
        yield from waiting
        waiting.clear()
        yield item
    yield from waiting


class _Flow:
    """One pass of items through a chain of steps, with counts."""

    def __init__(self, dropped: Stream | None, waiting: list[Drop] | None = None) -> None:
        self.counts = Counts()
        self._dropped = dropped
        self._waiting = waiting

    def through(self, source: Iterable[Item], steps: Sequence[Step]) -> Iterator[Item]:
        """The items that pass all steps; a dropped item reaches no later step."""
        stream = self._seen(source)
        for step in steps:
            stream = self._after(step, stream)
        return stream

    def _seen(self, source: Iterable[Item]) -> Iterator[Item]:
        for item in source:
            self.counts.seen += 1
            yield item

    def _after(self, step: Step, stream: Iterator[Item]) -> Iterator[Item]:
        account: dict[str, Any] = {"step": step_name(step), "read": 0, "kept": 0, "dropped": {}}
        self.counts.steps.append(account)
        return self._counted(step, stream, account)

    def _counted(
        self, step: Step, stream: Iterator[Item], account: dict[str, Any]
    ) -> Iterator[Item]:
        """What `step` lets through of `stream`, counted in `account`."""

        def counted() -> Iterator[Item]:
            for item in stream:
                account["read"] += 1
                yield item

        for out in step(counted()):
            if isinstance(out, Drop):
                self._drop(out, account)
            else:
                account["kept"] += 1
                yield out
        returned = account["kept"] + sum(account["dropped"].values())
        if returned < account["read"]:
            raise DataError(
                f"the step {account['step']} took {account['read']} items and returned {returned}",
                hint="A step must return every item, or a Drop with the reason.",
            )

    def _drop(self, drop: Drop, account: dict[str, Any]) -> None:
        for counts in (self.counts.dropped, account["dropped"]):
            counts[drop.reason] = counts.get(drop.reason, 0) + 1
        item = drop.item.with_history(account["step"], drop.why)
        if self._dropped is not None:
            self._dropped.add(item)
        if self._waiting is not None:
            self._waiting.append(Drop(item, drop.reason, drop.note))


def step_name(step: Step) -> str:
    """Name of a step in histories: its own `name`, else of its function, else of its class."""
    inner = getattr(step, "func", step)  # functools.partial
    return str(getattr(inner, "name", "") or getattr(inner, "__name__", "") or type(inner).__name__)
