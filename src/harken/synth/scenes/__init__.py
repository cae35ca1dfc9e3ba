"""Scenes from a declaration: what may be in them, drawn with a seed, rendered, and told truly.

Three steps, each a pure function of the one before (after scaper: Salamon et al., WASPAA 2017):

- `harken.synth.scenes.spec` declares: which sources, how many, when, how loud, where. Numbers may
  be distributions.
- `harken.synth.scenes.compose` draws constants: recordings, times, gains, places. They are a
  `PlannedScene`, whose `ScenePlan` is rendered by `harken.audio.load.render`.
- `harken.synth.scenes.truth` tells what is in it, from the stems before they are mixed.

`harken.synth.scenes.write` does it for many scenes, on disk.
"""
