"""Hygiene filters by name, with their settings, as steps over a stream of items.

``name?setting=value&setting=value``: ``acoustic?text=any``, ``leak?against=bench.jsonl``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from harken.clean.base import HygieneFilter
from harken.clean.workspace import Workspace
from harken.errors import ConfigError
from harken.item import Drop, Item
from harken.models.target import split_settings
from harken.registry import Registry

_HERE = "harken.clean.filters"

FILTERS: Registry[HygieneFilter] = Registry(
    "hygiene filter",
    {
        "readable": f"{_HERE}.readable:FILTER",
        "length": f"{_HERE}.length:FILTER",
        "licence": f"{_HERE}.licence:FILTER",
        "tag": f"{_HERE}.tag:FILTER",
        "source": f"{_HERE}.source:FILTER",
        "exact": f"{_HERE}.exact:FILTER",
        "acoustic": f"{_HERE}.acoustic:FILTER",
        "minhash": f"{_HERE}.minhash:FILTER",
        "embedding": f"{_HERE}.embedding:FILTER",
        "leak": f"{_HERE}.leak:FILTER",
        "disagreement": f"{_HERE}.disagreement:FILTER",
        "longest": f"{_HERE}.longest:FILTER",
        "distractors": f"{_HERE}.distractors:FILTER",
        "position": f"{_HERE}.position:FILTER",
    },
    group="filters",
    shape="harken.clean.base:HygieneFilter",
)
"""In the order in which they are applied unless told otherwise."""

DEFAULT = "default"


@dataclass(slots=True)
class FilterStep:
    """A filter with its settings, as a `harken.item.Step`.

    Attributes:
        filter: the filter.
        settings: its settings.
        workspace: what it shares with the others.
        told: what it told of the items, once it has judged them.
    """

    filter: HygieneFilter
    settings: Any
    workspace: Workspace
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the filter: the step in histories."""
        return self.filter.name

    @property
    def spec(self) -> dict[str, Any]:
        """Name and settings, and the hashes of what is read beside the items."""
        read = self.filter.inputs(self.settings) if self.filter.inputs else {}
        return {"filter": self.name, "settings": asdict(self.settings), "inputs": dict(read)}

    def __call__(self, items: Iterable[Item]) -> Iterator[Item | Drop]:
        """The items in their order, changed or as drops where the filter says so."""
        held = list(items)
        judgement = self.filter.judge(held, self.settings, self.workspace)
        self.told = judgement.told
        for place, item in enumerate(held):
            yield judgement.verdicts.get(place, item)


def filters_of(specs: Sequence[str], workspace: Workspace) -> list[FilterStep]:
    """The filters that `specs` name, in their order.

    `DEFAULT` stands for those of `HygieneFilter.default`, which are also applied if none is named.

    Raises:
        ConfigError: an unknown filter or setting, or a value of the wrong type.
    """
    usual = [one.name for one in FILTERS.members() if one.default]
    named = [one for spec in specs or [DEFAULT] for one in (usual if spec == DEFAULT else [spec])]
    found = []
    for spec in named:
        member = FILTERS.get(spec.partition("?")[0])
        kinds: dict[str, type] = {one.name: type(one.default) for one in fields(member.settings)}
        try:
            _, given = split_settings(member.name, spec, kinds)
        except ConfigError as error:
            shown = "&".join(f"{name}=…" for name in kinds) or "it has none"
            hint = error.hint or f"Its settings: {shown}"
            raise ConfigError(error.found, where=spec, hint=hint) from error
        found.append(FilterStep(member, member.settings(**given), workspace))
    return found
