"""Items whose answer is true by construction, drawn from labelled recordings.

One file a family, all of one shape::

    '''name: what is asked, after which benchmark, how it is balanced.'''
    QUESTIONS = (...)                # wordings, drawn whatever the answer
    def lacks(pool): ...             # what the pool lacks for it, "" if nothing
    def pick(pool, draw): ...        # all chance: recordings and constants, as `Picks`
    def build(template, values, recordings): ...  # no chance: a `BuiltQuestion`
    FAMILY = QuestionFamily("name", "what is asked", number of wordings, lacks, pick, build)

What is drawn is stored in `Item.plan`; `redraw` builds the same item from it. Balanced things
(answer, place of the answer, labels, number of clips) come from ``draw.design``
(`harken.synth.design`), all else from ``draw.rng``. A family must hold to this: the text alone,
question and choices, never tells the answer (`leaky` excepted, which is the control).

Items combine recordings of one split only, never two from the same source recording. Labels are
taken to be complete: what a recording is not labelled with is not in it.
"""
