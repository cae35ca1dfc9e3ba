"""Replies in sentences that weigh, list, deny and conclude."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from replies import REFUSED, cases, read

SOUNDS = ("dog barking", "cat meowing", "car horn", "rain")
ZH = ("狗叫", "猫叫", "汽车喇叭", "雨声")

PROSE = [
    (SOUNDS, None, [
        "I think it's B or maybe C", "It's B. Or C.", "There's a cat meowing, then rain.",
        "Not A, not C, not D.", "Everything but B", "Anything but B.", "Except for B",
        "选项A不正确", "A错误", "BBBB", "AB", "Bcat meowing", "meowing",
        "The audio is labelled B-side", "Vitamin B", "I got a B in music", "Plan B", "I",
        "a cat meowing or a dog barking", "Both A and B", "A and B", "A & B", "A/B", "A, B and C",
    ]),
    (SOUNDS, 1, [
        "B? Maybe.", "B?", "The clip has a cat meowing and no dog barking.",
        "The sound of a dog barking is absent; a cat meowing is present.",
        "No dog barking, no rain, only a cat meowing.",
        "no dog barking or rain, just cat meowing",
        "Neither rain nor a car horn can be heard, but a cat meowing can.",
        "It is not that A is right; B is.",
        "The options dog barking, car horn and rain are incorrect, so B.",
        "A, C and D are incorrect. B.", "None but B", "I'd choose B over A", "B (not A)",
        "B, certainly not A.", "(B), not (A)", "B; A is wrong", "It's A, isn't it? No, B.",
        "The answer is A... no wait. B.", "A. I mean B.", "Let me correct myself: B",
        "I was wrong, it's B", "I initially chose A. After listening again, B.",
        "The answer is A. However, on reflection, the answer is B.",
        "Answer: A. But actually B is right.", "A could be right, but I'd go with B",
        "A is plausible. The answer is B.",
        "If it were louder, the answer would be A, but the answer is B.",
        "The answer is dog barking. Correction: cat meowing.", "dog barking, no, cat meowing",
        "dog barking... or rather cat meowing", "dog barking, I mean cat meowing",
        "It is dog barking. Wait, I hear cat meowing.", "Actually, B.",
        "Actually it's a cat meowing.", "Hmm, actually, the correct answer is B.",
        "答案是A，不对，是B", "不是A，是B", "A不对，B对", "A是错的，B是对的", "我觉得是B",
        "B正确", "B是正确答案", "选B，不选A", "Ni A ni C, c'est B", "Ce n'est pas A, c'est B.",
        "La réponse n'est pas A mais B.", "A est faux, B est correct", "Nicht A, sondern B",
        "Nicht A sondern B.", "A ist falsch, B ist richtig.", "Es ist nicht A, es ist B.",
        "No es A, es B", "No es A sino B", "A es incorrecta; B es correcta", "Non è A, è B",
        "Não é A, é B", "Не A, а B", "Это не A, а B.", "AではなくBです", "A가 아니라 B입니다",
        "Niet A maar B", "Die Antwort ist nicht A, sondern B.", "答案不是A而是B",
        "正解はAではなくBです", "I can't hear it well, but B",
        "I'm not 100% sure but it's a cat meowing", "Hard to say. B?",
        "As an AI I can't hear, but based on the options, B.",
        "The audio was not provided, but I guess B.", "The audio is missing. Answer: B",
        "I cannot hear audio. If I had to guess: B", "B. I cannot hear anything else.",
        "cat meowing. I don't hear anything else.", "It's B; I can't tell the breed.",
        "The answer is B. I'm not certain.", "B\n\nB\n\nB", "B, B, B", "Answer: B Answer: B",
        "B. cat meowing B. cat meowing", "The answer: B is correct", "B is the answer, A is not",
        "It can't be A because B is right", "Only B", "Just B", "Simply B.",
        "My final answer is B", "I am going with B.", "I'd say (B)", "B for sure", "B!", "B...",
        "B :)", "ok B", "Okay, B.", "Sure, B", "Yes, B", "The letter is B", "It should be B.",
        "Likely B", "I'm confident it's B", "The answer must be B", "The answer has to be B",
        "The answer seems to be B", "The answer appears to be (B)", "Answer is option B",
        "The answer should be option (B) cat meowing", "Correct answer is B) cat meowing",
    ]),
    (SOUNDS, 0, [
        "Could be a dog barking.", "A", "a",
    ]),
    (ZH, 1, [
        "应该是猫叫", "听起来像猫叫", "声音是猫叫。", "有猫叫，没有狗叫", "猫叫，而不是狗叫",
        "并非狗叫，而是猫叫", "猫叫", "我听到猫叫", "我不确定，但是是猫叫",
        "音频中没有狗叫，有猫叫", "不像是狗叫，更像猫叫", "排除狗叫，选猫叫",
        "答案是猫叫，不是狗叫", "答案：猫叫", "B. 猫叫", "B、猫叫", "答案是B、猫叫", "猫叫（B）",
    ]),
    (SOUNDS, REFUSED, [
        "The audio is not provided.", "The audio wasn't included, so I cannot tell.",
        "The audio file is missing.", "I did not receive any recording.",
        "The sound clip has not been attached!",
        "I do not know.", "Unclear", "I'm just a text model and cannot listen to audio.",
        "I am unable to hear the audio, so I can't choose between dog barking and cat meowing.",
    ]),
    (SOUNDS, 2, [
        "It is a car horn (C)", "A car horn", "A car horn is heard",
    ]),
    (SOUNDS, 3, [
        "A rain sound",
    ]),
    (ZH, None, [
        "不是狗叫也不是雨声", "没有听到雨声", "无狗叫", "A. 猫叫", "答案是A、猫叫",
        "既有狗叫又有猫叫", "狗叫和猫叫", "猫叫（A）",
    ]),
    (ZH, 0, ["有狗叫，没有猫叫"]),
    (ZH, 0, ["狗叫声"]),
]  # fmt: skip


@pytest.mark.parametrize(("choices", "choice", "text"), cases(PROSE))
def test_sentences(choices, choice, text):
    """Sentences as models write them, with several options in them."""
    assert read(text, choices) == choice
