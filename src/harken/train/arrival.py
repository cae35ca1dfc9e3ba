"""Whether the audio arrives: probes of encoder, projector and language model, with numbers.

Before step 0 a few clips are encoded, together and alone, and a few examples get a backward pass.
What is wrong for certain (tokens of another clip, an end that is cut off, numbers that are not
finite) is an error. What can be meant (a scale, a constant output, no gradient at the audio) is
told: in the log of the run and as a warning, or as an error with ``audio_faults=stop``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.load import load
from harken.audio.single import duration_s, span
from harken.errors import HarkenWarning, RunError
from harken.item import Item
from harken.listed import items_listed, listed
from harken.models.engine.batch import AudioInput, TokenizedPrompt
from harken.models.engine.net import eval_mode
from harken.models.engine.proof import check_finite, check_placeholders
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.losses import answer_loss

CLIPS = 6
"""Clips that are encoded for the probe."""
_ALONE = 3
"""Clips that are encoded alone too."""
EXAMPLES = 4
"""Examples that get a backward pass."""
OFF_SCALE = 20.0
"""Audio tokens so many times as large, or as small, as the language model's embeddings are told."""
_END_S = 0.5
_HINT = "Look at the model and these clips; audio_faults=tell lets such a stage go on."


class AudioFaultWarning(HarkenWarning):
    """The audio may not arrive; training goes on."""


@dataclass(frozen=True, slots=True)
class _Probe:
    """One clip of the probe: the item it was found in, and its encoder input."""

    item: str
    clip: Clip
    given: AudioInput

    @property
    def prompt(self) -> TokenizedPrompt:
        """The clip as a prompt, for messages."""
        return TokenizedPrompt((), (), (self.given,), item=self.item)


def check_arrival(
    learner: Learner,
    items: Sequence[Item],
    examples: Sequence[TokenizedPrompt],
    run: Run,
    *,
    stage: str,
    faults: str = "tell",
) -> list[str]:
    """Probe the path of the audio before step 0.

    Args:
        learner: with the trained groups set.
        items: of the stage; some of their clips are encoded.
        examples: the first of the stage, with answers; the first few get a backward pass.
        run: what is told is logged there.
        stage: its name.
        faults: ``tell`` or ``stop``: what happens to faults that can be meant.

    Returns:
        What was told.

    Raises:
        ModelError: audio tokens that are not finite, as many as there should be, or those of their
            clip.
        RunError: the end of a clip changes nothing; with ``stop``, any fault.
    """
    probes = _probes(learner, items)
    told = []
    with eval_mode(learner.net), torch.no_grad():
        if probes:
            told += probe_encoder(learner, probes)
    if any(example.audio_inputs for example in examples):
        told += probe_gradient(learner, examples)
        told += _frozen(learner)
    for text in told:
        tell(text, run, stage=stage, faults=faults)
    return told


def tell(text: str, run: Run, *, stage: str, faults: str) -> None:
    """Log a fault and warn, or raise RunError where `faults` is ``stop``."""
    run.log({"stage": stage, "audio_fault": text})
    if faults == "stop":
        raise RunError(text, where=stage, hint=_HINT)
    warnings.warn(f"{stage}: {text}", AudioFaultWarning, stacklevel=3)


def _probes(learner: Learner, items: Sequence[Item]) -> list[_Probe]:
    """The first clips of the items, with the longest of all."""
    first: dict[str, tuple[str, Clip]] = {}
    for item in items:
        for clip in item.clips:
            if clip.kind != "silence":
                first.setdefault(clip.key, (item.id, clip))
    found = list(first.values())
    longest = max(found, key=lambda one: one[1].duration_s or 0.0, default=None)
    chosen = [longest, *(one for one in found if one is not longest)][:CLIPS] if longest else []
    return [_Probe(item, clip, learner.audio_input(clip)) for item, clip in chosen]


def probe_encoder(learner: Learner, probes: Sequence[_Probe]) -> list[str]:
    """Encode clips together and alone; returns what may be a fault."""
    net = learner.net
    features = [probe.given.features for probe in probes]
    together = net.encode(features)
    prompts = [probe.prompt for probe in probes]
    check_finite(together, prompts)
    for probe, tokens in zip(probes, together, strict=True):
        _require_count(learner, probe, len(tokens))
    alone = [net.encode([one])[0] for one in features[:_ALONE]]
    _require_own(probes, together, alone)
    constant = _constant(probes, together)
    if not constant:
        _require_end(learner, probes, alone)
    return [*constant, *_off_scale(learner, probes, together)]


def _require_count(learner: Learner, probe: _Probe, count: int) -> None:
    """Raise ModelError unless the encoder gives as many audio tokens as the prompt will have."""
    ids = (learner.tokenizer.audio,) * probe.given.tokens
    prompt = TokenizedPrompt(ids, (0,) * len(ids), (probe.given,), item=probe.item)
    check_placeholders([prompt], [count], learner.tokenizer)


def _require_own(
    probes: Sequence[_Probe], together: Sequence[Tensor], alone: Sequence[Tensor]
) -> None:
    """Raise RunError if a clip has, encoded with others, the audio tokens of another one."""
    for i, mine in enumerate(alone):
        own = _distance(mine, together[i])
        for j, other in enumerate(together):
            if len(other) == len(mine) and _distance(mine, other) < 0.1 * own:
                raise RunError(
                    f"item {probes[j].item}: encoded with other clips, {probes[j].given.name} gets "
                    f"the audio tokens of {probes[i].given.name} (item {probes[i].item})",
                    hint="The encoder changes the order of the clips in a batch: report it.",
                )


def _require_end(learner: Learner, probes: Sequence[_Probe], alone: Sequence[Tensor]) -> None:
    """Raise RunError if the end of the longest clip changes no audio token: it is cut off."""
    probe, tokens = probes[0], alone[0]
    total = duration_s(probe.clip)
    end = min(_END_S, total / 2)
    parts = (
        Part(span(probe.clip, 0.0, total - end), fade_s=0.0),
        Part(span(probe.clip, 0.0, end), total - end, fade_s=0.0),
    )
    changed = Clip("plan", duration_s=total, plan=ScenePlan(parts, total))
    before, after = load(probe.clip), load(changed)
    size = min(len(before), len(after))
    from_end = size - int(end * size / total)
    if abs(before[from_end:size] - after[from_end:size]).max(initial=0.0) < 1e-3:
        return  # silence or a periodic sound: nothing would be different
    other = learner.net.encode([learner.load_audio(changed).features])[0]
    if len(other) == len(tokens) and torch.equal(other, tokens):
        raise RunError(
            f"item {probe.item}: the last {end:g} s of {probe.given.name} ({total:.1f} s) change "
            f"none of its {len(tokens)} audio tokens: the clip is cut off before it is encoded",
            hint="Cut long clips into spans, or use a model that takes them as a whole.",
        )


def _constant(probes: Sequence[_Probe], made: Sequence[Tensor]) -> list[str]:
    """Different clips whose audio tokens are equal."""
    size = min(len(tokens) for tokens in made)
    if len(made) < 2 or not size:
        return []
    stacked = torch.stack([tokens[:size].float() for tokens in made])
    spread, scale = float((stacked - stacked[:1]).abs().max()), float(stacked.abs().max())
    if spread > 1e-5 * scale:
        return []
    names = listed([f"{p.given.name} (item {p.item})" for p in probes], 4)
    return [
        f"the audio tokens of {len(made)} different clips are equal: they differ by {spread:.2g} "
        f"at most, and are {scale:.2g} at most ({names})"
    ]


@torch.no_grad()
def text_rms(learner: Learner) -> float:
    """Root mean square of the embeddings of the first 4096 tokens, as the language model gets them.

    They are looked up: some models multiply the weights by the root of their width.
    """
    lm: Any = learner.net.lm
    embeddings = lm.get_input_embeddings()
    ids = torch.arange(min(4096, embeddings.num_embeddings), device=learner.net.device)
    return _rms(embeddings(ids[None])[0])


def _off_scale(learner: Learner, probes: Sequence[_Probe], made: Sequence[Tensor]) -> list[str]:
    """Audio tokens that are far larger or smaller than the embeddings of text."""
    text = text_rms(learner)
    scales = [_rms(tokens) for tokens in made]
    far = max(range(len(scales)), key=lambda i: max(scales[i], 1e-30) / text)
    near = min(range(len(scales)), key=lambda i: scales[i])
    found = []
    for at, ratio in ((far, scales[far] / text), (near, scales[near] / text)):
        if ratio > OFF_SCALE or ratio < 1 / OFF_SCALE:
            found.append(
                f"item {probes[at].item}: the audio tokens of {probes[at].given.name} have an RMS "
                f"of {scales[at]:.3g}, the embeddings of text {text:.3g}: {ratio:.3g} times"
            )
    return found[:1]


def probe_gradient(learner: Learner, examples: Sequence[TokenizedPrompt]) -> list[str]:
    """Clips whose audio tokens get no gradient from the loss of their answer."""
    few = [example for example in examples if example.audio_inputs][:EXAMPLES]
    engine = learner.engine
    with eval_mode(learner.net), torch.enable_grad():
        logits, ids, _ = engine.answer_logits(few)
        loss = answer_loss(logits, ids)
        audio = engine.audio
        (gradient,) = (
            torch.autograd.grad(loss, audio, allow_unused=True) if audio is not None else (None,)
        )
    engine.audio = None
    sizes = [(one, clip) for one in few for clip in one.audio_inputs]
    parts: list[Tensor | None] = [None] * len(sizes)
    if gradient is not None:
        parts = list(torch.split(gradient, [clip.tokens for _, clip in sizes]))
    found = []
    for (example, clip), part in zip(sizes, parts, strict=True):
        norm = 0.0 if part is None else float(part.norm())
        if norm == 0.0:
            found.append(f"item {example.item}: {clip.name}")
    if not found:
        return []
    return [
        f"no gradient reaches the audio tokens of {len(found)} of {len(sizes)} clips, at a loss of "
        f"{float(loss.detach()):.4g}: the answers do not depend on them "
        f"({listed(found, 4, between='; ')})"
    ]


def _frozen(learner: Learner) -> list[str]:
    """Told if nothing between the audio and the language model is trained."""
    net = learner.net
    parts: dict[str, Any] = {"audio_encoder": net.audio_encoder, "projector": net.projector}
    if any(p.requires_grad for part in parts.values() for p in part.parameters()):
        return []
    return [
        "audio encoder and projector are frozen: only the language model learns, and a projector "
        "that is new stays as it was drawn"
    ]


class AudioWatch:
    """Steps in which the language model learns and no gradient reaches the audio.

    Attributes:
        silent: how many in a row.
    """

    def __init__(self, run: Run, stage: str, faults: str) -> None:
        """`faults`: see `check_arrival`."""
        self.run, self.stage, self.faults = run, stage, faults
        self.silent = 0

    def see(self, record: Mapping[str, Any], ids: Sequence[str] = ()) -> None:
        """Take the metrics of one step; tells after 1, 10, 100 … such steps in a row.

        Raises:
            RunError: with ``stop``.
        """
        if not record.get("clips") or not record.get("grad_norm"):
            return
        if record.get("audio_grad_norm"):
            self.silent = 0
            return
        self.silent += 1
        if self.silent == 10 ** (len(str(self.silent)) - 1):
            named = items_listed(ids, 8)
            tell(
                f"no gradient has reached the audio tokens in {self.silent} steps in a row, with "
                f"{record['clips']} clips in the last{named}: grad_norm {record['grad_norm']}, "
                "audio_grad_norm 0",
                self.run,
                stage=self.stage,
                faults=self.faults,
            )


def _distance(one: Tensor, other: Tensor) -> float:
    """Largest difference of two tensors; infinite where their shapes differ."""
    if one.shape != other.shape:
        return float("inf")
    return float((one.float() - other.float()).abs().max())


def _rms(tokens: Tensor) -> float:
    return float(tokens.float().square().mean().sqrt())
