"""Items whose answer is true by construction, drawn from labelled recordings.

One module a family of questions, all of this structure::

    '''name: what is asked, after which benchmark, how it is balanced.'''
    QUESTIONS = (...)                  # wordings, drawn independently of the answer
    def lacks(pool) -> str             # what the pool lacks for the family, "" if nothing
    def pick(pool, draw) -> Picks      # everything random: recordings and constants (or None)
    def build(template, values, recordings) -> BuiltQuestion   # nothing random: texts and clips
    FAMILY = QuestionFamily("name", "what is asked", number of wordings, lacks, pick, build)

The draws are stored in `Item.plan`; `redraw` builds the same item from it. Balanced variables
(answer, its position, labels, number of clips) come from ``draw.design``
(`harken.synth.design`), all others from ``draw.rng``. Every family must meet this requirement:
question and choices alone never reveal the answer (except in `leaky`, the control).

Items combine recordings of one split only, never two from the same source recording. Labels are
assumed to be complete: a recording without a label does not contain its sound.
"""
