import json

import pytest
from makers import replace, tiny_audio, tiny_config, tiny_network, tiny_video

from vaer.config import write_config
from vaer.runs.folder import best_of
from vaer.weights.contamination import contamination, warnings_of


@pytest.mark.parametrize("name", [
    "ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition",
    "AreejB/wav2vec2-xlsr-english-speech-emotion-recognition",
    "amiriparian/ExHuBERT",
    "Yassmen/Wav2Vec2_Fine_tuned_on_RAVDESS_2_Speech_Emotion_Recognition",
    "firdho26/wav2vec2-large-xlsr-53-english-finetuned-ravdess",
])
def test_a_speech_encoder_that_heard_the_test_speakers_is_named(name):
    warning = contamination(name)
    assert warning.startswith(f"{name} was fine-tuned on ")
    assert "RAVDESS" in warning


def test_a_corpus_in_the_name_tells_itself():
    assert "CREMA-D" in contamination("someone/hubert-crema-d")
    assert "CREMA-D" in contamination("downloads/hubert_cremad")


@pytest.mark.parametrize("name", ["WAV2VEC2_BASE", "microsoft/wavlm-base-plus", "facebook/hubert-large-ll60k",
                                  "jonatasgrosman/wav2vec2-large-xlsr-53-english", "downloads/SLOWFAST_8x8_R50.pkl",
                                  "data/ravdess/wavlm"])
def test_others_are_not(name):
    assert contamination(name) is None


def test_a_folder_is_known_by_the_name_it_was_saved_under(tmp_path):
    assert contamination(str(tmp_path)) is None
    (tmp_path / "config.json").write_text(json.dumps({"_name_or_path": "amiriparian/ExHuBERT"}))
    assert "amiriparian/ExHuBERT was fine-tuned on" in contamination(str(tmp_path))
    for content in ("[1]", '{"model_type": "hubert"}'):
        (tmp_path / "config.json").write_text(content)
        assert contamination(str(tmp_path)) is None


def test_a_run_of_ones_own_is_not_judged_by_its_name(tmp_path):
    (tmp_path / "ravdess").mkdir()
    (tmp_path / "ravdess" / "config.json").write_text('{"settings": {"model": {}}}')
    assert best_of(str(tmp_path / "ravdess")) is not None
    assert contamination(str(tmp_path / "ravdess")) is None


def test_a_network_that_is_given_away_says_whom_it_learned_from(tmp_path):
    (tmp_path / "config.json").write_text('{"settings": {"model": {}, "learned_from": "actors 2 to 16"}}')
    assert contamination(str(tmp_path)) == (f"{tmp_path} learned from actors 2 to 16: scores on those among them say "
                                            f"nothing about people never met")


@pytest.fixture
def make_run(tmp_path):
    """make_run(name, config): the folder of a run with these settings."""
    def make(name, config):
        tiny_network().save_pretrained(tmp_path / name / "best")
        write_config(config, tmp_path / name / "config.yaml")
        return str(tmp_path / name)
    return make


@pytest.mark.parametrize("section", ["audio", "init"])
def test_a_run_of_another_split_of_the_same_corpus_is_warned_of(make_run, section):
    run = make_run("run", replace(tiny_config(), "data", fold=1))
    [warning] = warnings_of(tiny_config(**({"audio": tiny_audio(pretrained=run)} if section == "audio" else
                                           {"init": run})))
    assert f"{run} learned from ravdess under ravdess_contig6 fold 1: it may have seen speakers" in warning


def test_a_branch_that_is_off_warns_of_nothing(make_run):
    run = make_run("run", replace(tiny_config(), "data", fold=1))
    assert warnings_of(tiny_config(audio=tiny_audio(pretrained=run, enabled=False))) == []


def test_what_a_run_started_from_is_warned_of_too(make_run):
    first = make_run("first", replace(tiny_config(), "data", fold=1))
    again = tiny_config(audio=tiny_audio(pretrained=first), video=tiny_video(pretrained="someone/of-crema-d"))
    second = make_run("second", again)
    heard, learned = warnings_of(tiny_config(audio=tiny_audio(pretrained=second)))
    assert "CREMA-D" in heard
    assert learned.startswith(f"{first} learned from ravdess under ravdess_contig6 fold 1")


def test_runs_that_started_from_each_other_end(make_run, tmp_path):
    make_run("one", tiny_config(init=str(tmp_path / "two")))
    two = make_run("two", tiny_config(init=str(tmp_path / "one")))
    assert warnings_of(tiny_config(init=two)) == []


def test_a_run_older_than_these_settings_started_from_nothing(make_run, tmp_path):
    run = make_run("run", tiny_config())
    (tmp_path / "run" / "config.yaml").write_text("model: {video: {enabled: true}, audio: {enabled: true}}")
    assert warnings_of(tiny_config(init=run)) == []
