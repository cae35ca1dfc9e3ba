"""Skills of reasoning about audio, by the names of AudioSkills; families say which they train.

The seven types of questions of AudioSkills (Audio Flamingo 2, arXiv 2503.03983, and 3, 2507.08128).
There a language model writes the questions from captions; here they are true by construction. So
what a sound is for, or why something is said, is asked only as far as a scene decides it: the two
contextual skills have few families.
"""

from __future__ import annotations

SKILLS = {
    "temporal": "temporal reasoning: order, what is heard at a time, when it is heard, how long",
    "attribute": "attribute identification: loudness, length, place, motion, voice, pitch, tempo",
    "counting": "counting: how often, how many",
    "sound-context": "contextual sound event reasoning: a sound and what is heard with it",
    "speech-context": "contextual speech event reasoning: what is said, and what is said or heard "
    "around it",
    "information": "information extraction: which sound, which words, who, in which clip",
    "general": "general reasoning: descriptions, comparisons, what cannot be answered",
}
"""Name -> what is trained."""

TIMED = "timed-reasoning"
"""Tag of items whose rationale says at what times things are heard (after AF-Think-Time)."""
