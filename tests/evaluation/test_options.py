import dataclasses

import pytest
from jsonargparse import ArgumentParser
from makers import replace, tiny_config

from vaer.cli import COMMANDS
from vaer.config import add_flags, config_of, write_config
from vaer.errors import UserError
from vaer.evaluation.options import Options, branches_of, modality_of, require_alike, settings_of
from vaer.runs.folder import RunFolder


def parsed(*arguments):
    """The options that flags make."""
    parser = ArgumentParser(exit_on_error=False)
    add_flags(parser, Options)
    return config_of(parser, parser.parse_args(list(arguments)), Options)


def test_flags_say_what_a_program_says():
    assert parsed() == Options()
    given = Options(modality="audio", views=3, batch_size=4, num_workers=0, corpus="folders", root="a",
                    label_map={"no": "01", "x": None}, allow_missing=True, decoder="pyav", decode_device="cuda",
                    adapt_clips=2, speaker_pattern="(S)_", robustness="noise,blur")
    flags = ["--modality", "audio", "--views", "3", "--batch_size", "4", "--num_workers", "0", "--corpus", "folders",
             "--root", "a", "--label_map", "{no: 01, x: null}", "--allow_missing", "true", "--decoder", "pyav",
             "--decode_device", "cuda", "--adapt_clips", "2", "--speaker_pattern", "(S)_",
             "--robustness", "noise,blur"]
    assert parsed(*flags) == given
    given_here = {flag.removeprefix("--") for flag in flags[::2]}
    assert given_here | {"channel", "labels"} == {option.name for option in dataclasses.fields(Options)}
    assert parsed("--corpus", "ravdess", "--root", "x", "--channel", "both", "--labels", "drop_calm") == Options(
        corpus="ravdess", root="x", channel="both", labels="drop_calm")


def test_every_option_is_a_flag_of_the_command():
    parser = ArgumentParser()
    COMMANDS["evaluate"].fill(parser)
    assert {action.dest for action in parser._actions} >= {option.name for option in dataclasses.fields(Options)}


@pytest.mark.parametrize(("options", "message"), [
    ({"views": 0}, "--views is 0; it must be between 1 and 100"),
    ({"views": 101}, "--views is 101"),
    ({"batch_size": 0}, "--batch_size is 0; it must be at least 1"),
    ({"num_workers": -1}, "--num_workers is -1"),
    ({"adapt_clips": -1}, "--adapt_clips is -1"),
    ({"modality": "smell"}, "--modality 'smell' is unknown; choose from video, audio, both"),
    ({"corpus": "csv"}, "--corpus csv needs --root"),
    ({"label_map": {"a": "b"}}, "--label_map is for --corpus csv and folders"),
    ({"label_map": {"a": "b"}, "corpus": "demo", "root": "x"}, "--label_map is for --corpus csv and folders"),
    ({"corpus": "folders", "root": "some/video"}, "--root some/video: .* those of --modality video"),
])
def test_wrong_options_name_their_flag(options, message):
    with pytest.raises(UserError, match=message):
        Options(**options)


@pytest.mark.parametrize(("options", "suffix"), [
    ({}, ""), ({"root": "elsewhere", "batch_size": 3}, ""),
    ({"corpus": "csv", "root": "my/emodb", "modality": "audio", "views": 5, "adapt_clips": 4},
     "_emodb_audio_views5_adapt4"),
    ({"corpus": "ravdess", "root": "x"}, "_ravdess")])
def test_what_changes_a_score_stands_in_the_names_of_its_files(options, suffix):
    assert Options(**options).suffix == suffix


def trained(folder, config):
    """The folder of a run with these settings and a network that nobody opens here."""
    run = RunFolder(folder)
    run.best.path.mkdir(parents=True)
    run.best.weights_path.touch()
    write_config(config, run.config_path)
    return run


def test_options_change_the_settings_of_a_run(tmp_path):
    run = trained(tmp_path, replace(tiny_config(), "data", window_s=1.0, decoder="pyav", allow_missing=True))
    as_it_is = settings_of(run, Options())
    assert (as_it_is.evaluate.views, as_it_is.data.root, as_it_is.data.decoder) == (1, "data/ravdess", "auto")
    assert as_it_is.data.allow_missing
    assert as_it_is.evaluate.batch_size == 16
    moved = settings_of(run, Options(views=3, root="moved"))
    assert (moved.evaluate.views, moved.data.root) == (3, "moved")
    assert settings_of(run, Options(corpus="csv", root="another")).data.root == "data/ravdess"


def test_runs_of_other_settings_are_not_pooled():
    runs = [RunFolder("a"), RunFolder("b")]
    config = tiny_config()
    require_alike(runs, {runs[0]: config, runs[1]: replace(replace(config, "data", fold=1, root="x"), "train",
                                                           resume=True, tracker="none", log_steps=1)})
    with pytest.raises(UserError, match=r"a and b cannot be pooled: they differ in data\.size, train\.lr; pool folds"):
        require_alike(runs, {runs[0]: config, runs[1]: replace(replace(config, "data", size=48), "train", lr=0.5)})


@pytest.mark.parametrize(("off", "asked", "told"), [
    (None, "both", "both"), (None, "audio", "audio"), (None, "video", "video"), ("video", "both", "audio"),
    ("audio", "both", "video"), ("video", "audio", "audio")])
def test_the_modality_of_answers_is_what_the_network_has_or_is_left(off, asked, told):
    config = tiny_config()
    model = config.model if off is None else dataclasses.replace(
        config.model, **{off: dataclasses.replace(getattr(config.model, off), enabled=False)})
    config = dataclasses.replace(config, model=model)
    assert modality_of(config, Options(modality=asked)) == told
    assert branches_of(config) == [name for name in ("video", "audio") if name != off]
