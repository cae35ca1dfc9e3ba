"""Replies by form: what stands around the letter or the text that answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from replies import REFUSED, cases, read

SOUNDS = ("dog barking", "cat meowing", "car horn", "rain")

WRAPPER = [
    (SOUNDS, 1, [
        "\\(B\\)", "\\[B\\]", "$$B$$", "$\\boxed{B}$", "\\boxed{\\mathrm{B}}",
        "\\boxed{\\textbf{(B)}}", "\\boxed{(B)}", "\\boxed{B. cat meowing}",
        "\\boxed{\\text{cat meowing}}", "\\boxed{\\text{B. cat meowing}}",
        "The answer is $\\boxed{B}$.", "\\text{B}", "\\mathbf{B}", "((B))", "[[B]]", "<<B>>",
        "<B>", "「B」", "『B』", "《B》", "〈B〉", "***B***", "_B_", "**B.**", "**(B)**", "`(B)`",
        "\"B\".", "“B”", "‘B’", "«B»", "<b>B</b>", "<strong>B</strong>", "|B|", "~B~",
        "{\"answer\": \"(B)\"}", "{'answer': 'B'}", "{\"final_answer\": \"B\"}",
        "{\"answer\": {\"letter\": \"B\"}}", "```\nB\n```", "```json\n{\"choice\": \"B\"}\n```",
        "{answer: B}", "Answer: {B}", "Answer: **B**", "Answer: [B]", "The answer is \"B\".",
        "The answer is `B`.", "The correct answer is **B. cat meowing**.", "(b)", "{b}", "Ⓑ", "⒝",
        "B\u200b", "[B].", "\"B", "B\"", "~~A~~ B", "**Answer:** B", "**Answer**: B", "## B",
        "> B", "- B", "1. B", "<option>B</option>", "\\boxed{B} \\boxed{B}", "\\fbox{B}",
        "{\"answer\": \"B\", \"confidence\": 0.9}", "Here: {\"answer\":\"B\"} done",
        "{\"reasoning\": \"not A\", \"answer\": \"B\"}", "【答案】B", "【答案：B】",
    ]),
    (SOUNDS, None, [
        "$E$", "\\boxed{}", "(A) (B)", "[A][B]", "{A, B}", "\\boxed{A} or \\boxed{B}", "<x>",
        "$5$", "\\boxed{A or B}", "{\"answer\": [\"A\",\"B\"]}", "{\"answer\": \"\"}", "__", "$$",
        "~~B~~",
    ]),
]  # fmt: skip

CONTROL = [
    (SOUNDS, 1, [
        "B<|endoftext|>", "B<|eot_id|>", "B<end_of_turn>", "<s>B</s>", "B<eos>",
        "<|assistant|>B<|end|>", "<|im_start|>assistant\nB<|im_end|>", "<|im_start|>assistant\nB",
        "B<｜end▁of▁sentence｜>", "B</s></s></s>", "B<pad><pad>", "▁B", "ĠB",
        "cat meowing<|im_end|>", "The answer is B.<|im_end|>", "<bos>B<eos>",
        "<|begin_of_text|>B<|eot_id|>", "B [/INST]", "<start_of_turn>model\nB<end_of_turn>",
        "B<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\nA<|im_end|>",
        "B<0x0A>", "<|im_end|>B", "B<|audio_eos|>", "B<|user|>",
    ]),
    (SOUNDS, None, [
        "<|im_end|>", "</s>", "<|endoftext|><|endoftext|>", "<pad>",
    ]),
]  # fmt: skip

THINK = [
    (SOUNDS, 1, [
        "<think>The answer is A.</think>B", "<thinking>The answer is A.</thinking>B",
        "<thought>The answer is A.</thought>B", "<reasoning>The answer is A.</reasoning>B",
        "<THINK>The answer is A.</THINK>B", "< think >The answer is A.</ think >B",
        "<think foo=\"1\">The answer is A.</think>B", "[THINK]The answer is A.[/THINK]B",
        "◁think▷The answer is A.◁/think▷B",
        "<|begin_of_thought|>The answer is A.<|end_of_thought|>B",
        "<|START_THINKING|>The answer is A.<|END_THINKING|><|START_RESPONSE|>B",
        "<scratchpad>The answer is A.</scratchpad>B", "<analysis>The answer is A.</analysis>B",
        "<unused94>thought\nThe answer is A.<unused95>B", "<think>The answer is A.</thinking>B",
        "The answer is A.</think>B",
        "<|channel|>analysis<|message|>The answer is A.<|end|><|start|>assistant<|channel|>final<|message|>B",  # noqa: E501
        "analysisThe answer is A.assistantfinalB",
        "<|channel|>commentary<|message|>x<|end|><|channel|>analysis<|message|>The answer is A.<|end|><|channel|>final<|message|>B",  # noqa: E501
        "<PLANNING>The answer is A.</PLANNING>B",
        "<CAPTION>dog barking</CAPTION><REASONING>The answer is A.</REASONING>B",
        "<think>\n<think>The answer is A.</think></think>B",
        "<think></think><think>The answer is A.</think>B",
        "&lt;think&gt;The answer is A.&lt;/think&gt;B",
        "<rationale>The answer is A.</rationale>B", "<reflection>The answer is A.</reflection>B",
        "<cot>The answer is A.</cot>B", "＜think＞The answer is A.＜/think＞B",
        "<think>A</think><answer>B</answer>", "<THINK>A</THINK><RESPONSE>B</RESPONSE>",
        "<SUMMARY>dog barking</SUMMARY><CONCLUSION>B</CONCLUSION>",
        "<SUMMARY>A</SUMMARY>\n<CAPTION>rain</CAPTION>\n<REASONING>so A</REASONING>\n<CONCLUSION>The answer is B.</CONCLUSION>",  # noqa: E501
        "<think>no <answer>A</answer> hm</think><answer>B</answer>",
        "<RESPONSE>cat meowing</RESPONSE>", "<response>B", "<final_answer>B</final_answer>",
        "<|begin_of_thought|>A<|end_of_thought|><|begin_of_solution|>B<|end_of_solution|>",
        "<answer>\n\\boxed{B}\n</answer>", "<answer>B</answer></s>",
        "<think>x</think>\n\n**Answer: B**", "<|channel|>final<|message|>B<|return|>",
        "<think>\nA\n</think>\n\n<answer>\nB. cat meowing\n</answer>",
        "[Reasoning] It meows.\n[Answer] B",
    ]),
    (SOUNDS, None, [
        "<think>The answer is A", "<|think|>The answer is A", "◁think▷The answer is A",
        "[THINK]The answer is A", "<|channel|>analysis<|message|>The answer is A", "<thought>A",
        "<think >A", "<|begin_of_thought|>The answer is A",
        "<THINK><PLANNING>A</PLANNING><CAPTION>dog barking", "<think>A <answer>A</answer>",
        "<REASONING>The answer is A", "<think", "<think>A</thin", "analysisThe answer is A",
        "<SUMMARY>The answer is A</SUMMARY>", "<|START_THINKING|>The answer is A",
        "<unused94>thought\nThe answer is A", "<reasoning>A</reasoning><think>B",
        "&lt;think&gt;The answer is A", "<think>It is B</think>",
    ]),
]  # fmt: skip

RUNON = [
    (SOUNDS, 1, [
        "B\n\nQuestion: x?\nAnswer: C", "B\n\nQ: What next?\nA: C",
        "Answer: B\n\nQuestion: What?\nAnswer: A", "B\nUser: and now?\nAssistant: A",
        "B\n\nHuman: ok\nAssistant: A", "B\n\n### Question\nWhat?\nA",
        "cat meowing\n\nQuestion 2: What else?\nAnswer: rain",
        "B. cat meowing\n\nNext question: what?\nAnswer: A", "答案：B\n问题：还有什么？\n答案：A",
        "Question: What is heard?\nAnswer: B",
        "Question: What is heard?\nAnswer: B\n\nQuestion: next?\nAnswer: A",
        "Antwort: B\n\nFrage: Was?\nAntwort: A", "B\n\nInstruction: Listen.\nResponse: A",
        "The answer is B.\n\nQuestion: What is it?\nThe answer is A.",
        "B\n\n**Question:** x\n**Answer:** A",
    ]),
    (SOUNDS, 2, [
        "\n\nQuestion: x\nAnswer: C", "Hmm.\nQuestion: x\nAnswer: C",
    ]),
    (SOUNDS, REFUSED, [
        "I don't know.\n\nQuestion: x\nAnswer: A",
    ]),
    (SOUNDS, None, [
        "A or B\n\nQuestion: x\nAnswer: E",
    ]),
]  # fmt: skip

LABEL = [
    (SOUNDS, 1, [
        "Ans. B", "ans: b", "Answer: b", "Answer -> B", "Answer => B", "Answer = B",
        "Solution: B", "Output: B", "Result: B", "Prediction: B", "Selection: B",
        "Selected option: B", "My answer: B", "Final answer - B", "Final Answer: (B)",
        "Choice: B", "Letter: B", "Option: B", "Choice B", "option b", "Option (B)", "Answer B",
        "ANSWER B", "The answer: B", "Guess: B", "Verdict: B", "Correct answer: B",
        "Correct option: B", "Correct: B", "Option two", "option 2", "Option #2",
        "Option number 2", "option no. 2", "Choice 2", "Choice two", "the second option",
        "Second option", "The 2nd option", "It is the second option.", "The second choice",
        "2nd choice", "The answer is the second option.", "The answer is option 2.",
        "I choose option 2", "Alternative 2", "the second answer",
        "The correct option is the second one: B", "第二个选项", "选项2", "选项二", "第2项",
        "Die zweite Option", "la deuxième option", "La segunda opción", "la seconda opzione",
        "a segunda opção", "второй вариант", "de tweede optie", "2番目の選択肢", "정답은 2번",
        "두 번째 선택지", "B it is", "So B", "Therefore, B.", "I'd go with B", "My pick is B",
        "I vote for B", "It must be B", "Definitely B", "Probably B", "=> B", "→ B",
        "B is my answer", "B is the right one", "Option B: cat meowing", "Answer: B.",
        "answer - (B)", "I believe the answer is B", "Selected: B", "The correct choice is B",
        "The best option is B", "The label is B", "My first choice is B",
    ]),
    (SOUNDS, 3, [
        "The last option", "Option 4", "the final option",
    ]),
    (SOUNDS, 0, [
        "First option",
    ]),
    (SOUNDS, 2, [
        "The third option is correct",
    ]),
    (SOUNDS, None, [
        "Option 5", "Option 0", "the fifth option", "Option 2 is wrong", "not the second option",
        "Option 1 or option 2", "2", "Option E", "two options",
        "The second option or the third option", "I have no option", "Response:", "Ans:",
        "Option 2: rain", "The second option, rain",
    ]),
]  # fmt: skip

CUE = [
    (SOUNDS, 1, [
        "答案: B", "答案为B", "答案是：B", "答：B", "选择B", "我选B", "应该选B。", "故选B",
        "正确选项是B", "选项B", "我认为答案是B。", "最终答案：B", "因此，答案是 B。", "答案是(B)",
        "答案是「B」", "本题选B", "正確答案是B", "選B", "答案是B，因为有猫叫", "正解はBです。",
        "答えはBです", "答え：B", "正解：B", "回答: B", "選択肢B", "정답은 B입니다.", "정답: B",
        "답은 B", "답: B", "정답은 B", "Die Antwort ist B.", "Die richtige Antwort ist B.",
        "Richtige Antwort: B", "Antwort B", "Ich wähle B", "Die Antwort lautet B",
        "Die korrekte Antwort ist B, weil man eine Katze hört.", "Option B ist richtig",
        "B ist richtig", "Es ist B", "Lösung: B", "La réponse est B", "Réponse : B", "Réponse: B",
        "La bonne réponse est B.", "La bonne réponse est la B", "C'est B",
        "La réponse correcte est (B).", "Je choisis B", "Respuesta: B",
        "La respuesta correcta es B", "La respuesta correcta es la B",
        "La respuesta es la opción B", "Opción B", "Es la B", "Elijo B", "Risposta: B",
        "La risposta è B", "La risposta corretta è la B", "La risposta giusta è: B", "Scelgo B",
        "Resposta: B", "A resposta é B", "A resposta correta é a letra B", "Letra B",
        "Alternativa B", "Ответ: B", "Правильный ответ: B", "Правильный ответ — B", "Ответ B",
        "Antwoord: B", "Het antwoord is B", "Het juiste antwoord is B", "Ik kies B",
        "Odpowiedź: B", "Cevap: B", "Doğru cevap: B", "Svar: B", "Đáp án: B", "Jawaban: B",
        "الإجابة: B", "उत्तर: B", "Die Antwort ist: cat meowing", "答案是cat meowing",
        "La respuesta es cat meowing.", "答案：b",
    ]),
    (SOUNDS, 0, [
        "La risposta è A perché si sente un cane", "La respuesta es A porque ladra",
        "Die Antwort ist A", "答案是A。",
    ]),
    (SOUNDS, None, [
        "答案是B型", "A resposta é difícil", "La réponse est difficile", "答案是A或B",
        "Antwort: A oder B", "La respuesta es A o B", "答案：E", "Die Antwort ist nicht B",
        "答案不是B", "La respuesta no es B", "La réponse n'est pas B", "La risposta non è B",
        "A resposta não é B", "Ответ не B", "選Aか B", "这个选择很难", "Het antwoord is niet B",
        "正解はBではありません", "정답은 B가 아닙니다",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("choices", "choice", "text"), cases(WRAPPER))
def test_wrappers(choices, choice, text):
    """A lone letter or text in any wrapper is what it wraps."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(CONTROL))
def test_control_tokens(choices, choice, text):
    """Control tokens of a chat template are no part of a reply; a next turn is not read."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(THINK))
def test_reasoning(choices, choice, text):
    """Reasoning is no answer, in whatever format; what follows it is."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(RUNON))
def test_next_questions(choices, choice, text):
    """What follows an answer, a new question made up by the model, is not read."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(LABEL))
def test_labels_and_places(choices, choice, text):
    """A label before the letter, or the place of the option, names it."""
    assert read(text, choices) == choice


@pytest.mark.parametrize(("choices", "choice", "text"), cases(CUE))
def test_cues_in_other_languages(choices, choice, text):
    """The words for answer and option in other languages name the letter."""
    assert read(text, choices) == choice
