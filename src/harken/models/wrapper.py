"""What models that ask another model share."""

from __future__ import annotations

from typing import Any

from harken.models.base import Model, PromptStyle, capabilities, style_of


class ModelWrapper:
    """A model around another.

    Attributes:
        model: the other.
    """

    model: Model

    @property
    def style(self) -> PromptStyle:
        """The prompt style of the model."""
        return style_of(self.model)

    @style.setter
    def style(self, style: PromptStyle) -> None:
        """Set the model's."""
        self.model.style = style

    def reported(self, own: dict[str, Any]) -> dict[str, Any]:
        """`own`, and what the model reports."""
        report = capabilities(self.model).report
        return {**own, **({"model": report()} if callable(report) else {})}
