"""Verifying texts about scenes against `Item.facts`: pure functions, no model.

`described.description_faults` checks a text that states what is heard (a caption, an answer, a
reasoning), `worded.wording_faults` a question against the question that it rewords, and
`truths.truth_faults` the gold answer and the distractors of an item. Each gives `TextFault`s; none
means that nothing was found that contradicts the facts. What the facts do not know cannot be
verified, and a text that states it is at fault.
"""
