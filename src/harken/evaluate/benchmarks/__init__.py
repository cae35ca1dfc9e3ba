"""Benchmarks: one file each, all of one shape, marked as officially and strictly.

The shape of a file. It opens with a text: what the benchmark is, its citation, the layout of the
official release and of a prediction file, the official rule, and the faults of the official script
that are reproduced. Then one class, a subclass of `base.Benchmark`, in this order:

1. facts: ``name title paper rule traps hub files key prediction required task by sizes counts
   versions fewest share``;
2. how a row reads: ``question options answer audio value faults rows`` (only where they differ);
3. ``official(items, predictions, helpers) -> Official``: what the benchmark's own script says, bit
   for bit, with the faults that took effect named;
4. ``strict_mark(item, predictions) -> Mark`` (only where a reply is not an option or a text).

Loading, validation (every fault at once), fingerprints and prediction files are written once, in
`base`; numbers in `scoring`; what needs no listening in `floors`; parsers side by side in
`parsers`. The official options of an item stand in ``plan["options"]``: an item whose release
repeats an option keeps the repeats there, and holds each text once in `Item.choices`.
"""
