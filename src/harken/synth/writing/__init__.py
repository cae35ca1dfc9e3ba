"""Writing the language of items: tasks, their grammar, templates, verified rounds, and the job.

A task (`harken.synth.writing.tasks`) says what is written about which items, how a grammar writes
it from `Item.facts`, and how it is verified. A writer (`harken.synth.writers`) writes: the grammar,
or a model that is prompted with a versioned template. `rounds.Writing` has both verified, gives the
reasons of a rejection back to the writer, and after the last round takes the grammar's text or
drops the item.
"""
