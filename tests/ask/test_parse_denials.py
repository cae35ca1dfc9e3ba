"""Replies that deny, correct, contradict or refuse."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from replies import REFUSED, cases, read

SOUNDS = ("dog barking", "cat meowing", "car horn", "rain")
ZH = ("狗叫", "猫叫", "汽车喇叭", "雨声")
DE = ("Hund", "Katze")
FR = ("chien", "chat")
MOODS = ("Happy", "Sad", "Angry", "Neutral")
MOODS_ZH = ("高兴", "悲伤", "愤怒")
ES = ("perro", "gato", "lluvia")
IT = ("cane", "gatto")
PT = ("cachorro", "gato")
RU = ("собака", "кошка", "дождь")
JA = ("犬", "猫", "雨")
KO = ("개", "고양이", "비")
NL = ("hond", "kat")

LANGNEG = [
    (ZH, 1, [
        "不是狗叫，是猫叫", "不是狗叫而是猫叫", "是猫叫，不是狗叫", "是猫叫不是狗叫",
    ]),
    (ZH, None, [
        "并不是狗叫", "没听到狗叫", "听不到狗叫", "狗叫不对", "狗叫不是正确答案", "排除狗叫",
        "除了狗叫", "既不是狗叫也不是猫叫", "声音不像狗叫", "不可能是狗叫",
    ]),
    (DE, None, [
        "keine Katze", "nicht der Hund", "Das ist keine Katze.", "Man hört keinen Hund",
        "Hund ist falsch", "Der Hund ist es nicht", "weder Hund noch Katze", "ohne Hund",
        "Ein Hund ist nicht zu hören",
    ]),
    (DE, 1, [
        "Das ist kein Hund, sondern eine Katze", "Es ist kein Hund sondern eine Katze.",
        "Ich höre eine Katze und keinen Hund",
    ]),
    (DE, 0, [
        "Hund, nicht Katze", "Es ist ein Hund", "ein Hund", "der Hund",
    ]),
    (FR, 1, [
        "Ce n'est pas un chien, c'est un chat", "C'est un chat",
        "Ce n'est pas un chien mais un chat", "un chat, pas un chien",
    ]),
    (FR, None, [
        "pas un chien", "Il n'y a pas de chien", "aucun chien", "ni chien ni chat", "sans chien",
        "Ce n’est pas le chien", "On n'entend pas de chien",
    ]),
    (ES, None, [
        "No es un perro", "no hay perro", "sin perro", "ni perro ni gato",
        "No se oye ningún perro", "El perro no es correcto",
    ]),
    (ES, 1, [
        "No es un perro, sino un gato", "No es un perro sino un gato", "Es un gato",
        "Es un gato, no un perro",
    ]),
    (IT, 1, [
        "Non è un cane, ma un gatto", "È un gatto, non un cane", "È un gatto",
    ]),
    (RU, None, [
        "Это не собака", "не собака", "собаки нет", "Нет, это не собака",
    ]),
    (RU, 1, [
        "Это не собака, а кошка", "Это кошка", "кошка, а не собака",
    ]),
    (JA, None, [
        "犬ではありません", "犬ではない", "犬じゃない", "犬の声は聞こえません", "犬は間違いです",
    ]),
    (JA, 1, [
        "犬ではなく猫です", "これは犬ではないです。猫です。", "猫です",
    ]),
    (KO, None, [
        "개가 아닙니다", "개가 아니다", "개 소리가 없습니다",
    ]),
    (ZH, 3, ["没有狗叫，只有雨声"]),
    (MOODS_ZH, None, ["说话人并不高兴"]),
    (MOODS_ZH, None, ["她没有愤怒"]),
    (MOODS_ZH, 0, ["说话人很高兴"]),
    (MOODS_ZH, 0, ["说话人非常高兴"]),
    (MOODS_ZH, 1, ["说话人不高兴，而是悲伤"]),
    (ZH, 0, ["我听到狗叫"]),
    (ZH, 0, ["毫无疑问是狗叫"]),
    (IT, None, ["Non è un cane"]),
    (IT, None, ["nessun cane"]),
    (PT, None, ["Não é um cachorro"]),
    (PT, None, ["nenhum cachorro"]),
    (PT, 1, ["Não é um cachorro, mas um gato"]),
    (PT, 1, ["É um gato"]),
    (KO, 1, ["개가 아니라 고양이입니다"]),
    (KO, 1, ["고양이입니다"]),
    (NL, None, ["geen hond"]),
    (NL, None, ["niet de hond"]),
    (NL, 1, ["Het is geen hond maar een kat"]),
    (NL, 1, ["Het is een kat"]),
]  # fmt: skip

SOFT = [
    (SOUNDS, None, [
        "A is incorrect", "A is wrong.", "A is not correct", "(A) is wrong",
        "Option A is incorrect.", "It's not A", "Not A.", "A? No.", "A: incorrect",
        "dog barking is incorrect", "dog barking? Not really.", "dog barking? I don't think so.",
        "It isn't dog barking", "I don't think it is dog barking",
        "I do not believe the recording features dog barking", "There is no dog barking",
        "hardly dog barking", "anything but dog barking", "It sounds nothing like dog barking",
        "dog barking can be ruled out", "I would rule out dog barking",
        "It is unlikely to be dog barking", "dog barking is unlikely", "dog barking seems wrong",
        "I can rule out A", "A can be excluded", "It can't be dog barking", "It cannot be A",
        "It is different from dog barking", "unlike dog barking", "The clip lacks dog barking",
        "absence of dog barking", "dog barking doesn't fit", "I doubt it is dog barking",
        "It's certainly not rain", "Neither dog barking nor rain", "neither A nor B",
        "not A, B or C", "It is too soft to be dog barking", "The answer is not dog barking",
        "The answer is anything but A", "The answer cannot be A.", "The answer isn't A",
        "The correct answer is not (A).", "A and B are wrong",
        "dog barking and rain are not present", "Everything except rain", "without dog barking",
        "dog barking (wrong)", "dog barking - no", "Eliminate A", "I eliminated A and B.",
        "It would be wrong to say dog barking", "A would be incorrect",
        "The answer is definitely not A.", "dog barking is the wrong answer", "no rain",
        "never rain", "It was mistaken for rain", "The sound is louder than rain", "not A",
        "not (A)", "I didn't hear dog barking", "The incorrect answer is A", "incorrect: A",
    ]),
    (MOODS, None, [
        "The tone is not happy", "The speaker is anything but sad", "She is hardly angry",
        "She sounds far from being happy",
    ]),
    (SOUNDS, 1, [
        "There is no doubt it is cat meowing", "No doubt: B", "It is nothing but cat meowing",
        "It's none other than cat meowing", "Not dog barking but cat meowing",
        "cat meowing, not dog barking", "cat meowing rather than dog barking",
        "I cannot hear anything but cat meowing", "A is wrong, B is right",
        "A is incorrect; B is correct.", "Neither A nor C, but B", "It isn't A, C or D, so B",
        "dog barking? No. cat meowing.", "Undoubtedly cat meowing", "Without a doubt, B",
        "It can only be B", "cat meowing is more likely than dog barking",
    ]),
    (MOODS, 1, ["not happy but sad"]),
    (MOODS, 1, ["The tone is far from happy; it is sad"]),
]  # fmt: skip

CORRECT = [
    (SOUNDS, 1, [
        "not A; it is B", "It's not A, it's B", "The answer is not A but B", "not A but B",
        "B, not A", "B instead of A", "A? No, B", "A. No, B.", "A... no, B", "A - wait, B",
        "Wait, actually B", "I said A, but I meant B", "The answer is A. Wait, no, it's B.",
        "The answer is A. Scratch that, the answer is B.", "A. Correction: B", "A\nCorrection: B",
        "The answer is A. Sorry, I meant B.",
        "At first the answer is A, but on second thought the answer is B.",
        "Initially I thought A, but it is B.",
        "I first thought it was dog barking, but it is cat meowing.",
        "dog barking. Wait, no, cat meowing.", "dog barking — actually, it's cat meowing",
        "It is dog barking. Actually, it is cat meowing.",
        "The answer is A.\n\nLet me reconsider. The answer is B.",
        "Answer: A. Let me listen again. Answer: B", "A. On second thought, B",
        "Rather than A, B", "Instead of A, it is B", "The correct answer is B rather than A",
        "The answer is B, not A.", "Final answer: B. (Not A.)",
        "A is what I first thought. Correction: B",
        "The answer is (A). Hold on, the answer is (B).", "Answer: A\nUpdated answer: B",
        "Antwort: A. Nein, Antwort: B", "答案是A。不对，答案是B。", "答案：A。更正：答案：B",
        "Réponse : A. Non, attendez, réponse : B", "Respuesta: A. No, espera, respuesta: B",
        "Answer: B. Wait, let me double-check. Yes, that is right.",
        "B. Sorry for the confusion.", "The answer is A. No, the answer is B.", "A, no wait, B",
        "Oops, B", "My mistake, the answer is B.",
        "If it were louder, the answer would be A, but the answer is B.",
        "Had it barked, the answer would be A. The answer is B.",
    ]),
    (SOUNDS, None, [
        "The answer is B. The answer is C.", "The answer is A. Wait, no.", "A. No.",
        "Answer: A. Wait, it is not A.", "The answer is A. Actually, that is wrong.",
        "Answer: A or B. Wait.", "dog barking. Actually, no.", "A. Scratch that.",
    ]),
]  # fmt: skip

CONFLICT = [
    (SOUNDS, None, [
        "A) cat meowing", "(A) cat meowing", "A: cat meowing", "A - cat meowing",
        "A, cat meowing", "A. cat meowing.", "Answer: A. cat meowing",
        "The answer is A. cat meowing", "The answer is A: cat meowing",
        "The answer is (A) cat meowing", "The answer is A, cat meowing.",
        "The answer is A (cat meowing).", "cat meowing (A)", "Option A: cat meowing",
        "Option A, cat meowing", "B. dog barking", "B dog barking", "The answer is B dog barking",
        "I choose A, cat meowing", "A. I hear a cat meowing.", "A because I hear cat meowing",
        "The answer is A because I hear cat meowing.", "I hear cat meowing, so A",
        "I hear cat meowing, so the answer is A", "\\boxed{A. cat meowing}",
        "<answer>A. cat meowing</answer>", "**A. cat meowing**", "cat meowing. The answer is A.",
        "C. cat meowing is what I hear", "The sound is cat meowing (option A).",
        "cat meowing, option A", "the first option, cat meowing", "Answer: A\ncat meowing",
        "It is A, the cat meowing.", "D is correct: cat meowing", "答案是A，cat meowing",
        "答案：A. cat meowing", "A → cat meowing", "A = cat meowing", "A\ncat meowing",
        "{\"answer\": \"A. cat meowing\"}", "The correct answer is A. cat meowing is heard.",
    ]),
    (SOUNDS, 1, [
        "B. cat meowing", "B: cat meowing", "cat meowing (B)", "Option B: cat meowing",
        "B because I hear cat meowing", "I hear cat meowing, so B",
        "cat meowing. The answer is B.", "A cat meowing", "A cat meowing.", "It is a cat meowing",
        "B. I hear a cat meowing.", "Answer: B\ncat meowing",
        "The answer is B (cat meowing), not A (dog barking).",
    ]),
]  # fmt: skip

REFFIRST = [
    (SOUNDS, 1, [
        "I don't know the breed. cat meowing", "I do not know which breed it is, but cat meowing",
        "I'm not sure about the breed, but it's B", "I cannot identify the species exactly. B",
        "I can't tell the age of the cat. The answer is B.", "I am not certain, but I think B",
        "I'm not sure. B", "I'm unsure, but cat meowing",
        "I don't hear any dog barking. I hear cat meowing.", "I do not hear rain; B",
        "I don't hear rain or dog barking, so B",
        "I cannot hear a dog barking; it is a cat meowing",
        "Although I'm not certain, the answer is B.",
        "I cannot be certain, but my best guess is cat meowing", "It is hard to tell, but B",
        "I can't say for sure, but the answer is B",
        "I don't know the location. The answer is (B) cat meowing.", "Sorry for the delay. B",
        "I don't have the exact name. Option B",
        "I could not identify the speaker. B. cat meowing",
        "It's difficult to say, however I would choose B",
        "I do not know who is there. cat meowing",
    ]),
    (SOUNDS, REFUSED, [
        "I do not know the answer.", "I don't know which one.", "I can't hear the audio, sorry.",
        "I'm sorry, but I can't help with that.", "I'm unable to process audio files.",
        "There's no way to tell.",
        "I cannot determine which of dog barking, cat meowing is heard.", "Unable to determine",
        "Cannot determine", "I refuse to answer.", "No comment",
        "As a language model, I can't listen to audio.", "I have no idea.",
        "I have no way of knowing.", "The audio is not available. I cannot answer.",
        "It's not possible to determine the answer from the given audio.",
        "Sorry, I can't answer that.", "I won't answer", "Beats me", "idk", "None of these",
        "I'd rather not answer", "I cannot hear anything.", "I am not able to hear audio",
        "不知道", "我不知道", "无法确定", "我无法判断", "抱歉，我无法回答", "不清楚",
        "以上都不是", "对不起，我听不到音频", "Ich weiß es nicht", "Ich weiß nicht.",
        "Keine Ahnung", "Das kann ich nicht sagen", "Das lässt sich nicht bestimmen",
        "Ich bin mir nicht sicher", "Je ne sais pas", "Je ne sais pas.", "Impossible à dire",
        "Impossible de déterminer", "Aucune idée", "Je ne peux pas répondre", "No lo sé", "No sé",
        "No puedo responder", "Es imposible saber", "Ni idea", "Non lo so", "Non so",
        "Impossibile dire", "Non posso rispondere", "Não sei", "Não consigo determinar",
        "Não faço ideia", "わかりません", "分かりません", "判断できません", "不明です",
        "모르겠습니다", "알 수 없습니다", "확실하지 않습니다", "Не знаю", "Я не знаю",
        "Невозможно определить", "Ik weet het niet", "Geen idee", "Nie wiem", "Bilmiyorum",
        "Vet inte", "Jag vet inte", "لا أعرف", "मुझे नहीं पता", "Tôi không biết", "ไม่ทราบ",
    ]),
    (SOUNDS, None, [
        "I don't hear rain.", "I do not hear a dog barking",
    ]),
]  # fmt: skip

REFOPT = [
    (("Yes", "No", "Cannot be determined"), 2, ["Cannot be determined"]),
    (("Yes", "No", "Cannot be determined"), 2, ["The answer is cannot be determined."]),
    (("Yes", "No", "Cannot be determined"), 2, ["It cannot be determined."]),
    (("dog", "cat", "rain", "None of the above"), 3, ["None of the above"]),
    (("dog", "cat", "rain", "None of the above"), 3, ["I think none of the above"]),
    (("dog", "cat", "rain", "None of the above"), 3, ["D. None of the above"]),
    (("dog", "cat", "rain", "None of the above"), REFUSED, ["I don't know"]),
    (("known", "unknown"), 1, ["unknown"]),
]  # fmt: skip


@pytest.mark.parametrize(("choices", "choice", "text"), cases(LANGNEG))
def test_denials_in_other_languages(choices, choice, text):
    """An option that is denied in its own language is never credited."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(SOFT))
def test_denials(choices, choice, text):
    """However it is put, a denied option is never credited."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(CORRECT))
def test_corrections(choices, choice, text):
    """Of a reply that corrects itself the last conclusion counts."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(CONFLICT))
def test_contradictions(choices, choice, text):
    """A letter and a text that disagree name nothing, in every wording."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(REFFIRST))
def test_refusals(choices, choice, text):
    """Words of refusal beside an answer do not hide it; a refusal alone abstains."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(REFOPT))
def test_options_worded_as_refusals(choices, choice, text):
    """An option may itself be worded as a refusal."""
    assert read(text, choices) == choice
