"""Benchmarks: one file each, all of one structure, scored officially and strictly.

The structure of a file. Its docstring says what the benchmark is, its citation, the layout of the
official release and of a prediction file, the official rule, and the faults of the official script
that are reproduced. Then one class, a subclass of `base.Benchmark`, in this order:

1. facts: ``name title paper rule traps hub files key prediction required task by sizes counts
   versions fewest scores_odd_rows suffixes keeps_absent share``;
2. how a row reads: ``question options answer audio value faults remarks rows`` (only where they
   differ);
3. ``submitted(item, place)`` and ``write_predictions``: how a chosen option, and the file, must be
   written so that the official script reads them (where it is not the option's text in its row);
4. ``official(items, predictions, helpers) -> Official``: what the benchmark's own script reports,
   bit for bit, with the faults that took effect named;
5. ``strict_score(item, predictions) -> ItemScore`` (where a reply is neither option nor text).

Facts and rows are in `layout`; loading, checks and fingerprints in `loading`; rules and submissions
in `base`; numbers in `scoring`; replies in `predictions`, those of other programs in `formats` and
`align`; another version of the release in `same_release`; text-only floors in `floors`; a
comparison of parsers in `parsers`. The official options of an item are in ``plan["options"]``: an
item whose release repeats an option, or has an empty one, keeps them there, and has each text once
in `Item.choices`.
"""
