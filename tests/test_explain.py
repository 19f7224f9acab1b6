import pytest
from jsonargparse import ArgumentParser

from vaer.cli import COMMANDS, main
from vaer.explain import choices, config_files, nearest


@pytest.fixture(scope="module")
def flags():
    parser = ArgumentParser()
    COMMANDS["train"].fill(parser)
    return [option for action in parser._actions for option in action.option_strings]


@pytest.mark.parametrize(("given", "near"), [
    ("--data.foldd", "--data.fold"), ("--data.num-workers", "--data.num_workers"), ("--train.LR", "--train.lr"),
    ("--epochs", "--train.epochs"), ("--lr", "--train.lr"), ("--clip_nrom", "--train.clip_norm"),
    ("--modle.video.enabled", "--model.video.enabled"), ("--train.epoch", "--train.epochs"), ("--outptu", "--output"),
    ("--latex", None), ("--crop", "--data.augment.crop"), ("--zzz", None), ("--model.fusion.zzz", None),
    ("--train.latex", None)])
def test_the_nearest_flag_is_a_slip_or_none(flags, given, near):
    assert nearest(given, flags) == near


@pytest.mark.parametrize(("given", "near"), [
    ("trian", "train"), ("Train", "train"), ("evalute", "evaluate"), ("predikt", "predict"), ("latex", None),
    ("-x", None), ("run", None)])
def test_the_nearest_command_is_a_slip_or_none(given, near):
    assert nearest(given, COMMANDS) == near


@pytest.mark.parametrize(("arguments", "sentence"), [
    ("trian", "; did you mean train?"),
    ("train demo.yaml", "demo.yaml stands alone; a file of settings is given as --config demo.yaml."),
    ("train configs/demo.yaml", "configs/demo.yaml stands alone; a file of settings is given as --config configs/"),
    ("train runs/x", "runs/x is one value too many; settings are given by flags, which --help lists."),
    ("doctor demo.yaml", "demo.yaml is one value too many"),
    ("train --latex", "--latex is no flag of this command; see --help."),
    ("train --data.corpus imagenet", "--data.corpus imagenet; give one of ravdess, demo, csv, folders."),
    ("train --data.corpus=imagenet", "--data.corpus imagenet; give one of ravdess, demo, csv, folders."),
    ("train --train.mixed_precision fp8", "--train.mixed_precision fp8; give one of no, bf16, fp16 or none."),
    ("train --data.fold some", "--data.fold some; give a whole number or all."),
    ("train --data.window_s long", "--data.window_s long; give a number or none."),
    ("train --train.resume maybe", "--train.resume maybe; give true or false."),
    ("train --data.label_map happy", "--data.label_map happy; give names with values"),
    ("train --data 3", "--data is a section; give one of its settings, such as --data."),
    ("train --output", "--output wants a value after it."),
    ("train --config", "--config wants a value after it."),
    ("train --config nope.yaml", "--config nope.yaml: there is no such file; name a YAML file"),
    ("train --config=tests", "--config tests: is a folder; name a YAML file"),
    ("evaluate", "runs is missing; vaer evaluate --help says what stands where."),
    ("predict", "inputs is missing; vaer predict --help says what stands where."),
    ("evaluate x --corpus imagenet", "--corpus imagenet; give one of ravdess, demo, csv, folders or none."),
    ("demo x --task sing", "--task sing; give one of emotion, moment, units.")])
def test_a_slip_is_explained_in_one_sentence(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as caught:
        main(arguments.split())
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not any(word in said for word in ("typing", "class '", "Parser key", "Subtypes"))
    assert caught.value.code == 2


@pytest.mark.parametrize(("content", "sentence"), [
    ("data:\n  corpus: imagenet\n", "my.yaml: data.corpus is imagenet; give one of ravdess, demo, csv, folders."),
    ("train: {lr: much}\n", "my.yaml: train.lr is much; give a number."),
    ("dta:\n  num_frame: 16\n", "my.yaml: dta.num_frame is no setting; did you mean data.num_frames?"),
    ("latex: true\n", "my.yaml: latex is no setting; `vaer train --help all` lists them."),
    ("- a\n", "my.yaml: holds no settings; write them by name")])
def test_a_slip_in_a_file_names_the_file(capsys, tmp_path, content, sentence):
    (tmp_path / "my.yaml").write_text(content)
    with pytest.raises(SystemExit):
        main(["train", "--config", str(tmp_path / "my.yaml")])
    assert sentence in capsys.readouterr().err


def test_every_setting_says_what_it_takes():
    parser = ArgumentParser()
    COMMANDS["train"].fill(parser)
    names = [action.dest for action in parser._actions]
    vague = [action.dest for action in parser._actions if "another value" in choices(action) and "." in action.dest
             and not any(name.startswith(f"{action.dest}.") for name in names)]
    assert vague == []


def test_files_are_found_in_both_spellings():
    assert config_files(["--config", "a", "--config=b", "--config"]) == ["a", "b"]
