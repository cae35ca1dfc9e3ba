"""Models behind any server of OpenAI's chat completions with audio: vLLM, SGLang, hosted ones.

``openai:MODEL@http://host:port/v1``; settings: `harken.models.http.settings`. All requests of a
batch go to one pooled client, the longest first; each ends as a Reply with text or as one with
``stop="failed"`` and its reason. With a folder to store replies in, a rerun sends only the requests
that have no reply yet.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harken.audio.clip import Clip
from harken.errors import AudioError, MissingExtra
from harken.hashing import canonical, digest
from harken.models.base import Earlier, Prompt, PromptStyle, Reply, Sampling
from harken.models.http.audio import DECODING, ClipPayloads
from harken.models.http.settings import STRUCTURED, HttpSettings, read_target
from harken.models.http.wire import WireAnswer, choice_logprobs, request_head, request_pieces
from harken.models.reply_store import ReplyStore

if TYPE_CHECKING:
    from harken.models.http.pool import Failure, HttpJob, RequestPool

_FORM = 1  # format of a stored record


def build(target: str, *, replies: Path | str | None = None, **options: Any) -> HttpModel:
    """The model ``MODEL@URL[?settings]``; `replies` is a folder to store replies in."""
    return HttpModel(read_target(target, options), replies)


class HttpModel:
    """A model behind an HTTP address.

    Attributes:
        name: the model's id at the server.
        max_clips: most clips in one prompt.
        style: how prompts are written for it.
        batch: prompts that a run should pass to `generate` at once.
        multi_turn: earlier turns are sent as messages; a server that takes none refuses them.
    """

    multi_turn = True

    def __init__(self, settings: HttpSettings, replies: Path | str | None = None) -> None:
        """Nothing is sent before the first call of `generate`."""
        self.settings = settings
        self.name = settings.model
        self.max_clips = settings.max_clips
        self.batch = settings.batch
        self.style = PromptStyle(
            settings.letters, settings.question_first, settings.mark_clips, settings.instruction
        )
        self._encoder = ClipPayloads()
        self._store = ReplyStore(replies) if replies is not None else None
        self._own_folder = replies is not None
        self._pool: RequestPool | None = None
        self._store_error = ""
        self._ends: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._stated: Counter[tuple[str, str]] = Counter()

    def identity(self) -> str:
        """Hash of all that determines a reply: address, id, revision, format of the request."""
        own = self.settings
        form = [own.url, own.model, own.revision, own.block, own.tokens_field, own.top_logprobs]
        form += [own.thinking_field] if own.thinking_field else []
        form += ["token_logprobs"] if own.token_logprobs else []
        form += [own.structured] if own.structured != STRUCTURED[0] else []
        return digest(canonical([form, DECODING, _style(self.style)]))

    def keep(self, folder: Path | str) -> None:
        """Store replies in `folder` and use those stored there; a folder given before stays."""
        if self._own_folder:
            return
        if self._store is not None:
            if self._store.folder == Path(folder):
                return
            self._store.close()
        self._store = ReplyStore(folder)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """One reply a prompt; stored ones, and repeats within the batch, cost no request."""
        answers = self.answers(prompts, [sampling] * len(prompts))
        return [self._reply(prompt, found) for prompt, found in zip(prompts, answers, strict=True)]

    def answers(
        self, prompts: Sequence[Prompt], samplings: Sequence[Sampling]
    ) -> list[WireAnswer | str]:
        """What the server answered to each prompt under its own sampling, or why it did not."""
        answers: list[WireAnswer | str | None] = [None] * len(prompts)
        places: dict[str, list[int]] = {}
        for i, (prompt, sampling) in enumerate(zip(prompts, samplings, strict=True)):
            try:
                key = self._key(prompt, sampling)
            except AudioError as error:
                answers[i] = f"audio: {error.reason}: {error.found}"
                continue
            if (stored := self._recall(key)) is not None:
                answers[i] = stored
                self._ends["kept before"] += 1
            else:
                places.setdefault(key, []).append(i)
        if places:
            self._ask(places, prompts, samplings, answers)
        if self._store is not None:
            self._store.sync()
        return [found or "the request was not finished" for found in answers]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """None for each: a server gives them with its replies (`Reply.logprobs`)."""
        return [None] * len(prompts)

    def report(self) -> dict[str, Any]:
        """Counts so far: outcomes of prompts, failed attempts by kind, requests, tokens, cost."""
        pool = self._pool
        return {
            "ends": dict(sorted(self._ends.items())),
            "reasons": dict(sorted(self._reasons.items())),
            "faults": dict(sorted(pool.faults.items())) if pool else {},
            "requests": pool.budget.requests if pool else 0,
            "tokens_in": pool.budget.tokens_in if pool else 0,
            "tokens_out": pool.budget.tokens_out if pool else 0,
            "cost": pool.budget.cost if pool else 0.0,
            "in_flight": [pool.pace.lowest, pool.pace.highest] if pool else [],
            "notes": list(pool.notes) if pool else [],
            "clips_encoded": self._encoder.encoded,
            "damaged_lines": self._store.damaged if self._store else 0,
            "served": self._served(),
        }

    def _served(self) -> list[dict[str, Any]]:
        """Model and fingerprint as the server stated them, with the replies that each gave."""
        served = self._stated
        if self._store is not None:  # the replies of earlier calls too
            served = Counter(
                (str(one.get("model", "")), str(one.get("fingerprint", "")))
                for one in self._store.records()
            )
        return [
            {"model": model, "fingerprint": fingerprint, "replies": replies}
            for (model, fingerprint), replies in sorted(served.items())
        ]

    def close(self) -> None:
        """Close all connections and release the folder."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._store is not None:
            self._store.close()
            self._store = None

    def _ask(
        self,
        places: dict[str, list[int]],
        prompts: Sequence[Prompt],
        samplings: Sequence[Sampling],
        answers: list[WireAnswer | str | None],
    ) -> None:
        """Send one request a key, and put the answer at all positions of the key."""
        firsts = {key: prompts[found[0]] for key, found in places.items()}
        # The longest first, so that no long one runs alone at the end; requests on the same
        # clips side by side, so that each clip is still in the cache when it is needed again.
        keys = sorted(firsts, key=lambda key: (-_length(firsts[key]), _names(firsts[key]), key))

        def arrived(number: int, outcome: WireAnswer | Failure) -> None:
            key = keys[number]
            if isinstance(outcome, WireAnswer):
                self._stated[outcome.model, outcome.fingerprint] += 1
            if isinstance(outcome, WireAnswer) and not self._store_error:
                try:
                    self._remember(key, outcome)
                except OSError as error:
                    self._store_error = pool.stopped = f"replies cannot be stored: {error.strerror}"
            for i in places[key]:
                answers[i] = outcome if isinstance(outcome, WireAnswer) else outcome.reason

        if self._store_error:  # do not pay for replies that cannot be stored
            for i in (i for found in places.values() for i in found):
                answers[i] = self._store_error
            return
        pool = self._open()
        jobs = [self._job(key, firsts[key], samplings[places[key][0]]) for key in keys]
        pool.ask(jobs, arrived)

    def _open(self) -> RequestPool:
        if self._pool is None:
            try:
                from harken.models.http.pool import RequestPool
            except ImportError:
                raise MissingExtra("aiohttp", "http") from None
            self._pool = RequestPool(self.settings)
        return self._pool

    def _job(self, key: str, prompt: Prompt, sampling: Sampling) -> HttpJob:
        from harken.models.http.pool import HttpJob

        clips = prompt.clips
        return HttpJob(
            key,
            lambda ask: request_pieces(prompt, sampling, self.settings, self._encoder, ask),
            lambda: self._encoder.ready(clips),
        )

    def _key(self, prompt: Prompt, sampling: Sampling) -> str:
        """Hash of clips, texts, sampling, model and the format in which they are sent."""
        content = self._encoder.identity
        parts: list[Any] = [
            {"reply": str(part)}
            if isinstance(part, Earlier)
            else (part if isinstance(part, str) else {"clip": content(part)})
            for part in prompt.parts
        ]
        own = self.settings
        head = request_head(prompt, sampling, own, True)
        if sampling.seed:
            # A greedy request does not send its seed, but runs that are meant to be repeated are
            # told apart by it: the kept reply of one is not the reply of another.
            head["seed"] = sampling.seed
        where = [own.url, own.revision, own.block]
        return digest(canonical([_FORM, where, DECODING, head, prompt.system, parts]), 32)

    def _recall(self, key: str) -> WireAnswer | None:
        record = self._store.get(key) if self._store is not None else None
        if record is None:
            return None
        try:
            top = tuple((str(token), float(value)) for token, value in record["top"])
            tokens = tuple((str(token), float(value)) for token, value in record.get("tokens", ()))
            ids = tuple(int(one) for one in record.get("ids", ()))
            return WireAnswer(**{**record, "top": top, "tokens": tokens, "ids": ids})
        except (KeyError, TypeError, ValueError):  # another format, or edited: request it again
            return None

    def _remember(self, key: str, answer: WireAnswer) -> None:
        if self._store is not None:
            names = WireAnswer.__dataclass_fields__
            self._store.add(key, {name: getattr(answer, name) for name in names})

    def _reply(self, prompt: Prompt, found: WireAnswer | str) -> Reply:
        if isinstance(found, WireAnswer):
            self._ends["answered"] += 1
            logprobs = choice_logprobs(prompt, found.top)
            return Reply(found.text, found.stop, None, logprobs, found.explanation)
        self._ends["failed"] += 1
        self._reasons[found.split(":")[0]] += 1
        return Reply("", stop="failed", error=found)


def _style(style: PromptStyle) -> list[Any]:
    return [style.letters, style.question_first, style.mark_clips, style.instruction]


def _names(prompt: Prompt) -> list[str]:
    return [f"{clip.key} {clip.path}" for clip in prompt.clips]


def _length(prompt: Prompt) -> float:
    """Estimated length of a request: seconds of audio, and text at 20 characters a second."""
    characters = sum(len(part) for part in prompt.parts if isinstance(part, str))
    return sum(_seconds(clip) for clip in prompt.clips) + characters / 20


def _seconds(clip: Clip) -> float:
    if clip.duration_s is not None:
        return clip.duration_s
    if clip.plan is not None:
        return clip.plan.duration_s
    try:
        return os.path.getsize(clip.path) / 32_000
    except OSError:
        return 0.0
