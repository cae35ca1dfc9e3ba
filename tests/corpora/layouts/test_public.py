"""Layouts of public corpora, on small folders made as they are published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_layouts import put

from harken.corpora.base import Corpus, Recording
from harken.corpora.read import LAYOUTS, read_corpus
from harken.errors import DataError
from harken.synth.make import draw


def read_as(root: Path, layout: str) -> tuple[Corpus, dict[str, Recording]]:
    """A corpus that is recognised as `layout`, and its recordings by relative path."""
    corpus = read_corpus(root)
    assert corpus.layout == layout
    where = {str(Path(r.clip.path).relative_to(root.resolve())): r for r in corpus.recordings}
    return corpus, where


def rejected(corpus: Corpus) -> list[tuple[str, str]]:
    return [(reject.path, reject.reason) for reject in corpus.rejects]


def test_clotho(tmp_path: Path) -> None:
    put(tmp_path, "development/Rain on roof.wav", "evaluation/dog.wav", "validation/wind.wav")
    heading = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n"
    for split, row in {
        "development": 'Rain on roof.wav,"Rain, on a roof.",It rains.,It rains.,Drops fall.,Rain\n',
        "evaluation": "dog.wav,A dog barks.,,,,\ngone.wav,Gone.,,,,\n",
        "validation": "wind.wav,Wind blows.,,,,\n",
    }.items():
        (tmp_path / f"clotho_captions_{split}.csv").write_text(heading + row)
    about = "file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license\n"
    row = "dog.wav,dog;caf\xe9,1234,x,,m,http://creativecommons.org/licenses/by/3.0/\n"
    (tmp_path / "clotho_metadata_evaluation.csv").write_bytes((about + row).encode("latin-1"))
    corpus, found = read_as(tmp_path, "clotho")
    assert rejected(corpus) == [("evaluation/gone.wav", "missing")]
    rain, dog = found["development/Rain on roof.wav"], found["evaluation/dog.wav"]
    assert rain.captions == ("Rain, on a roof.", "It rains.", "Drops fall.", "Rain")
    assert (rain.split, found["validation/wind.wav"].split) == ("train", "dev")
    assert (dog.split, dog.id, dog.licence) == ("test", "freesound:1234", "CC BY 3.0")


def test_captions_become_questions(tmp_path: Path) -> None:
    test_clotho(tmp_path)
    items = list(draw(read_corpus(tmp_path).recordings, "train", "describe", 8, seed=0))
    assert {item.answer for item in items} <= {
        "Rain, on a roof.",
        "It rains.",
        "Drops fall.",
        "Rain",
    }
    assert len({item.answer for item in items}) == 4  # balanced over the captions
    assert all(item.task == "describe" and not item.choices for item in items)


@pytest.mark.parametrize("name", ["Yvid-1_x.wav", "vid-1_x.wav", "vid-1_x_30.wav", "91139.wav",
                                  "vid-1_x_30_40.wav"])  # fmt: skip
def test_audiocaps_whatever_the_files_are_called(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"sounds/{name}")
    heading = "audiocap_id,youtube_id,start_time,caption\n"
    (tmp_path / "test.csv").write_text(
        heading + "91139,vid-1_x,30,A man speaks\n91140,vid-1_x,30,A man is talking\n"
        "5,gone,0,Nothing\n"
    )
    corpus, found = read_as(tmp_path, "audiocaps")
    (own,) = found.values()
    assert own.captions == ("A man speaks", "A man is talking")
    assert (own.id, own.split) == ("youtube:vid-1_x", "test")
    assert rejected(corpus) == [("gone.wav", "missing")]


def test_audioset_with_strong_labels(tmp_path: Path) -> None:
    put(tmp_path, "eval/s9d-2nhuJCQ_30000.wav", "eval/Yother.wav", "eval/strange.wav")
    (tmp_path / "audioset_eval_strong.tsv").write_text(
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
        "s9d-2nhuJCQ_30000\t0.01\t0.05\t/m/053hz1\n"
        "s9d-2nhuJCQ_30000\t0.06\t0.1\t/m/0bt9lr\n"
        "s9d-2nhuJCQ_30000\t0.06\tnever\t/m/0bt9lr\n"
        "other_0\t0.0\t0.02\t/m/unknown\n"
    )
    (tmp_path / "mid_to_display_name.tsv").write_text("/m/053hz1\tCheering\n/m/0bt9lr\tDog\n")
    corpus, found = read_as(tmp_path, "audioset-strong")
    one = found["eval/s9d-2nhuJCQ_30000.wav"]
    assert one.onsets == (("cheering", 0.01, 0.05), ("dog", 0.06, 0.1))
    assert (one.labels, one.split, one.id) == (("cheering", "dog"), "test", "youtube:s9d-2nhuJCQ")
    assert found["eval/Yother.wav"].labels == ("/m/unknown",)
    assert found["eval/strange.wav"].labels == ()
    assert rejected(corpus) == [("audioset_eval_strong.tsv:4", "bad-row")]


def test_fsd50k(tmp_path: Path) -> None:
    put(
        tmp_path, "FSD50K.dev_audio/64760.wav", "FSD50K.dev_audio/99.wav", "FSD50K.eval_audio/7.wav"
    )
    truth, meta = tmp_path / "FSD50K.ground_truth", tmp_path / "FSD50K.metadata"
    truth.mkdir()
    meta.mkdir()
    (truth / "dev.csv").write_text(
        "fname,labels,mids,split\n"
        '64760,"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h,/m/04rlf",train\n'
        '99,"Bark,Dog","/m/05tny_,/m/0bt9lr",val\n'
    )
    (truth / "eval.csv").write_text('fname,labels,mids\n7,"Rain","/m/06mb1"\n8,"Wind","/m/03m9d"\n')
    licence = "http://creativecommons.org/publicdomain/zero/1.0/"
    about = {"license": licence, "title": "Rex", "tags": ["dog"]}
    (meta / "dev_clips_info_FSD50K.json").write_text(json.dumps({"99": about}))
    (meta / "eval_clips_info_FSD50K.json").write_text("{broken")
    corpus, found = read_as(tmp_path, "fsd50k")
    told = {Path(p).stem: (r.labels, r.split, r.licence, r.id) for p, r in found.items()}
    assert told == {
        "64760": (("electric guitar", "guitar", "music"), "train", "", "freesound:64760"),
        "99": (("bark", "dog"), "dev", "CC0", "freesound:99"),
        "7": (("rain",), "test", "", "freesound:7"),
    }
    assert [r.description for r in found.values() if r.id == "freesound:99"] == ["Rex. dog."]
    assert rejected(corpus) == [("FSD50K.eval_audio/8.wav", "missing")]
    assert any("licences are not known" in note for note in corpus.notes)


def test_wavcaps(tmp_path: Path) -> None:
    put(tmp_path, "waveforms/180913.flac", "AudioSet_SL/Yb0RFKhbpFJA.wav", "unknown.flac")
    head = {"num_captions_per_audio": 1}
    own = {"title": "Bell, Bonn", "description": "<b>church</b> bell", "tags": ["bell", "bonn"]}
    rows = [{"id": 180913, "caption": "A bell rings.", "duration": 0.1, **own}, {"caption": "no"}]
    rows.append({"id": 5, "caption": "It is not here."})
    for name, data in {
        "json_files/FreeSound/fsd_final.json": rows,
        "json_files/AudioSet_SL/as_final.json": [{"id": "Yb0RFKhbpFJA.wav", "caption": "Hum."}],
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(json.dumps({**head, "data": data}))
    corpus, found = read_as(tmp_path, "wavcaps")
    told = {Path(p).stem: (r.captions, r.id) for p, r in found.items()}
    assert told == {
        "180913": (("A bell rings.",), "freesound:180913"),
        "Yb0RFKhbpFJA": (("Hum.",), "youtube:Yb0RFKhbpFJA"),
        "unknown": ((), "unknown"),
    }
    told = {Path(p).stem: r.description for p, r in found.items() if r.description}
    assert told == {"180913": "Bell, Bonn. church bell. bell, bonn."}
    assert rejected(corpus) == [("json_files/FreeSound/fsd_final.json:1", "bad-row")]
    assert "1 of 3 sounds in the lists are not here" in corpus.notes


def test_common_voice(tmp_path: Path) -> None:
    put(tmp_path, *(f"clips/cv_{n}.mp3" for n in range(4)))
    heading = "client_id\tpath\tsentence_id\tsentence\tup_votes\tage\tgender\taccents\tlocale\n"
    lines = [
        f"{'ab' * 40}\tcv_0.mp3\ts\tHello \u201cthere\u201d.\t2\ttwenties\tmale_masculine\t"
        "Scottish English\ten\n",
        f"{'cd' * 40}\tcv_1.mp3\ts\tIt\u2019s 5 o\u2019clock.\t2\t\tfemale_feminine\t\ten\n",
        f"{'ef' * 40}\tcv_2\ts\tOlder releases have no suffix.\t2\t\t\t\ten\n",
    ]
    (tmp_path / "validated.tsv").write_text(heading + "".join(lines))
    (tmp_path / "train.tsv").write_text(heading + lines[0])
    (tmp_path / "test.tsv").write_text(heading + lines[1])
    (tmp_path / "invalidated.tsv").write_text(heading + "x\tcv_3.mp3\ts\tWrong.\t0\t\t\t\ten\n")
    _, found = read_as(tmp_path, "common-voice")
    told = [(r.transcript, r.split, r.sex, r.speaker and r.speaker[-16:]) for r in found.values()]
    assert told == [
        ("Hello \u201cthere\u201d.", "train", "M", "ab" * 8),
        ("It\u2019s 5 o\u2019clock.", "test", "F", "cd" * 8),
        ("Older releases have no suffix.", "", "", "ef" * 8),
        (None, "", "", None),
    ]
    assert [r.traits for r in found.values()] == [
        (("accent", "scottish english"), ("age", "twenties")), (), (), ()
    ]  # fmt: skip


def test_crema_d(tmp_path: Path) -> None:
    names = ("1001_DFA_ANG_XX", "1002_IEO_SAD_HI", "1002_IEO_HAP_LO", "1003_TSI_NEU_XX")
    put(tmp_path, *(f"AudioWAV/{name}.wav" for name in names))
    (tmp_path / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,x,x\n1002,21,Female,x,x\n"
    )
    _, found = read_as(tmp_path, "crema-d")
    told = [(r.speaker, r.sex, r.transcript, r.traits) for r in found.values()]
    assert told == [
        ("crema-d:1001", "M", "Don't forget a jacket.", (("age", "fifties"), ("emotion", "angry"))),
        ("crema-d:1002", "F", "It's eleven o'clock.", (("age", "twenties"), ("emotion", "happy"))),
        ("crema-d:1002", "F", "It's eleven o'clock.", (("age", "twenties"), ("emotion", "sad"))),
        ("crema-d:1003", "", "The surface is slick.", (("emotion", "neutral"),)),
    ]


def test_ravdess(tmp_path: Path) -> None:
    put(tmp_path, "Actor_12/03-01-06-01-02-01-12.wav", "Actor_01/03-02-03-01-01-01-01.wav")
    _, found = read_as(tmp_path, "ravdess")
    told = [(r.speaker, r.sex, r.transcript, r.traits) for r in found.values()]
    assert told == [
        ("ravdess:01", "M", None, (("emotion", "happy"),)),
        ("ravdess:12", "F", "Dogs are sitting by the door.", (("emotion", "fearful"),)),
    ]


def test_traits_of_a_manifest(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav")
    rows = [
        {"path": "a.wav", "transcript": "lights on", "speaker": "x", "gender": "female",
         "age_group": "Thirties", "emotion": "Happy", "intent": "switch on", "dialect": "Texan"},
        {"path": "b.wav", "transcript": "lights off", "intent": "switch off"},
    ]  # fmt: skip
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus, found = read_as(tmp_path, "manifest")
    assert not [note for note in corpus.notes if "not read" in note]
    assert found["a.wav"].traits == (
        ("accent", "texan"), ("age", "thirties"), ("emotion", "happy"), ("intent", "switch on")
    )  # fmt: skip
    assert found["b.wav"].traits == (("intent", "switch off"),) and found["a.wav"].sex == "F"


def test_gigaspeech(tmp_path: Path) -> None:
    put(tmp_path, "audio/podcast/P0000/POD1.wav")
    segments = [
        {"sid": "POD1_S0", "begin_time": 0.0, "end_time": 0.04, "text_tn": "AS <COMMA> WE <PERIOD>",
         "subsets": ["{XL}", "{L}"]},
        {"sid": "POD1_S1", "begin_time": 0.04, "end_time": 0.08, "text_tn": "<MUSIC>",
         "subsets": ["{XL}"]},
        {"sid": "POD1_S2", "begin_time": 0.05, "end_time": 0.09, "text_tn": "WHY <QUESTIONMARK>",
         "subsets": ["{TEST}"]},
        {"sid": "POD1_S3", "begin_time": 0.05, "end_time": 0.01, "text_tn": "BACK", "subsets": []},
    ]  # fmt: skip
    audios = [{"aid": "POD1", "path": "audio/podcast/P0000/POD1.wav", "segments": segments}, {}]
    (tmp_path / "GigaSpeech.json").write_text(json.dumps({"audios": audios}))
    corpus = read_corpus(tmp_path)
    assert corpus.layout == "gigaspeech"
    told = [(r.clip.start_s, r.kind, r.transcript, r.split) for r in corpus.recordings]
    assert told == [
        (0.0, "speech", "as, we.", "train"),
        (0.04, "music", None, "train"),
        (0.05, "speech", "why?", "test"),
    ]
    assert len(corpus.rejects) == 2 and {r.reason for r in corpus.rejects} == {"bad-row"}
    (tmp_path / "GigaSpeech.json").write_text("[]")
    with pytest.raises(DataError, match="GigaSpeech"):
        list(LAYOUTS.get("gigaspeech").entries(tmp_path))
