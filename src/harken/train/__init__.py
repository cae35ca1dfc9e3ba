"""Training: one file a stage, all of one shape.

A stage is a function ``stage(learner, items, settings, run) -> None``, a dataclass of its settings
and a `harken.train.stage.Stage` that names both. It trains in place, appends to ``metrics.jsonl``
of the run, and keeps its checkpoint in ``checkpoint/<settings.name>``. Called again after a kill,
with the learner as it was before the stage, it goes on from the checkpoint and ends with the same
weights to the last bit; called again when it was finished, it loads them.

`stages` finds a stage by name, `train_loop` has steps, optimiser and checkpoints, `batch` turns
items into tokenized examples, `losses` has the arithmetic.
"""
