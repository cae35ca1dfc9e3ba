"""licence: items whose licences are allowed, by lists of patterns."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from harken.clean.base import HygieneFilter, each, names_of, need
from harken.errors import ConfigError
from harken.item import Item


@dataclass(frozen=True, slots=True)
class LicenceSettings:
    """Which licences are allowed.

    Attributes:
        allow: patterns separated by bars, as ``CC0*|CC-BY-[0-9]*``: every licence of an item must
            fit one. Empty: all that `deny` does not name.
        deny: patterns, none of which may fit: ``*-NC*|*-ND*``.
        unstated: ``drop`` or ``keep`` items without a licence; empty: drop them where there is an
            `allow`.
    """

    allow: str = ""
    deny: str = ""
    unstated: str = ""

    def __post_init__(self) -> None:
        """Refuse settings that name no licence."""
        need(self.allow or self.deny or self.unstated, "licence", "allow", "CC0*|CC-BY*")
        if self.unstated not in ("", "drop", "keep"):
            raise ConfigError(
                f"unstated={self.unstated!r} is neither drop nor keep", where="licence"
            )


def test(item: Item, settings: LicenceSettings) -> tuple[str, str] | None:
    """Why the item is dropped: a licence that is denied, not allowed or not stated."""
    stated = [part.strip() for part in item.licence.split(" + ") if part.strip()]
    strict = settings.unstated == "drop" or (settings.allow and settings.unstated != "keep")
    if not stated:
        return ("a licence that is not stated", "") if strict else None
    denied = [one for one in stated if _fits(one, settings.deny)]
    if denied:
        return "a licence that is denied", denied[0]
    other = [one for one in stated if settings.allow and not _fits(one, settings.allow)]
    return ("a licence that is not allowed", other[0]) if other else None


def _fits(licence: str, patterns: str) -> bool:
    return any(
        fnmatchcase(licence.casefold(), pattern.casefold()) for pattern in names_of(patterns)
    )


FILTER = HygieneFilter(
    "licence",
    "drops items with a licence that is denied or not allowed (licence?allow=CC0*|CC-BY*)",
    each(test),
    LicenceSettings,
)
