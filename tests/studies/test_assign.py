import pytest

from vaer.config import Config, resolve
from vaer.errors import UserError
from vaer.studies.assign import assign, checked, flatten, types


def test_dotted_and_nested_names_are_the_same_settings():
    dotted = {"model.fusion.kind": "concat", "train.lr": 1, "seed": 3}
    nested = {"model": {"fusion": {"kind": "concat"}}, "train": {"lr": 1}, "seed": 3}
    assert flatten(dotted) == flatten(nested) == dotted
    changed = assign(Config(), checked(dotted))
    assert (changed.model.fusion.kind, changed.train.lr, changed.seed) == ("concat", 1.0, 3)
    assert changed.model.video == Config().model.video


def test_the_settings_of_a_run_are_read_back_as_they_are():
    import dataclasses

    config = resolve(assign(Config(), checked({"data.corpus": "csv", "data.label_map": {"01": None, "no": "null"}})))
    assert assign(Config(), checked(flatten(dataclasses.asdict(config)))) == config


def test_every_setting_has_its_type():
    assert {"output", "seed", "data.augment.flip", "model.video.alpha", "train.lr", "evaluate.views"} <= set(types())


@pytest.mark.parametrize(("changes", "message"), [
    ({"modle.fusion.kind": "concat"}, "modle.fusion.kind is no setting; did you mean model.fusion.kind?"),
    ({"train": 3}, "train is a section of settings and not a value"),
    ({"train": {"epochs": 3}, "train.epochs": 4}, "train.epochs is named twice"),
    ({"train.epochs": "many"}, "train.epochs cannot be 'many'; it must be a whole number"),
    ({"train.epochs": True}, "train.epochs cannot be True; it must be a whole number"),
    ({"train.video_lr": "x"}, "train.video_lr cannot be 'x'; it must be a number or null"),
    ({"model.video.enabled": "x"}, "model.video.enabled cannot be 'x'; it must be true or false"),
    ({"model.fusion.kind": "sum"}, "it must be one of cross_attention, bottleneck, gated, concat, mean"),
    ({"data.fold": "some"}, "it must be a whole number or one of all"),
    ({"model.video.blocks": 3}, "it must be a list or null"),
    ({"train.epochs": 0}, "--train.epochs is 0; it must be at least 1")])
def test_what_is_no_setting_or_no_value_of_it_is_refused_by_name(changes, message):
    with pytest.raises(UserError) as caught:
        assign(Config(), checked(flatten(changes)))
    assert message in str(caught.value)
