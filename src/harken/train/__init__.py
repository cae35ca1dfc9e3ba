"""Training: one file for each stage, all with one interface.

A stage is a function ``stage(learner, items, settings, run) -> None``, a dataclass of its settings
and a `harken.train.stage.Stage` that names both. It trains in place, appends to ``metrics.jsonl``
of the run, and writes its checkpoint to ``checkpoint/<settings.name>``. Called again after a kill,
with the learner as it was before the stage, it resumes from the checkpoint and ends with the same
weights to the last bit; called again when it is finished, it loads them.

`stages` is the registry, `train_loop` has steps, evaluations and checkpoints, `objective` is what a
stage gives it; `optimiser` has rates by group, `step` one update, `parallel` and `sharding` several
processes. `batch` turns items into tokenized examples, `losses` has the formulas.
"""
