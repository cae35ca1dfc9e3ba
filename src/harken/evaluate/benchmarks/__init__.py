"""Benchmarks: one file each, all of one structure, scored officially and strictly.

The structure of a file. Its docstring says what the benchmark is, its citation, the layout of the
official release and of a prediction file, the official rule, and the faults of the official script
that are reproduced. Then one class, a subclass of `base.Benchmark`, in this order:

1. facts: ``name title paper rule traps hub files key prediction required task by sizes counts
   versions fewest share``;
2. how a row reads: ``question options answer audio value faults rows`` (only where they differ);
3. ``official(items, predictions, helpers) -> Official``: what the benchmark's own script reports,
   bit for bit, with the faults that took effect named;
4. ``strict_score(item, predictions) -> ItemScore`` (where a reply is neither option nor text).

Loading, validation (every fault at once), fingerprints and prediction files are in `base`; numbers
in `scoring`; text-only floors in `floors`; a comparison of parsers in `parsers`. The official
options of an item are in ``plan["options"]``: an item whose release repeats an option keeps the
repeats there, and has each text once in `Item.choices`.
"""
