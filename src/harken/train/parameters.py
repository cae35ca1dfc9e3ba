"""How many parameters a stage trains and how many it leaves as they are, by module group."""

from __future__ import annotations

from harken.models.learner import Learner
from harken.progress import tell
from harken.runs import Run


def tell_parameters(learner: Learner, run: Run, stage: str) -> None:
    """Print one line at the start of a stage, and write the numbers to the log of its run."""
    counts = learner.parameter_counts()
    run.log({"stage": stage, "parameters": counts, "adapters": list(learner.adapters)})
    tell(f"{stage}: {parameters_text(counts, learner.adapters)}")


def parameters_text(counts: dict[str, dict[str, int]], adapters: tuple[str, ...] = ()) -> str:
    """``audio_encoder 0 of 1,200 | projector 300 of 300 | lm 64 of 9,064 (LoRA) | …``.

    Args:
        counts: group -> ``trained`` and ``frozen``, as `Learner.parameter_counts` gives them.
        adapters: the groups of which the adapters are trained.
    """
    parts = []
    for group, own in counts.items():
        whole = own["trained"] + own["frozen"]
        lora = " (LoRA)" if group in adapters and own["trained"] else ""
        parts.append(f"{group} {own['trained']:,} of {whole:,}{lora}")
    trained = sum(own["trained"] for own in counts.values())
    frozen = sum(own["frozen"] for own in counts.values())
    return f"trains {' | '.join([*parts, f'all {trained:,}, frozen {frozen:,}'])}"
