import pytest

from vaer.weights.unwrap import network_in, outermost, plain

FIRST = "blocks.0.weight"
NAMES = {FIRST: 1, "blocks.1.weight": 2}


def prefixed(prefix, values=NAMES):
    return {prefix + name: value for name, value in values.items()}


@pytest.mark.parametrize("prefix", [
    "", "module.", "model.", "_orig_mod.", "module._orig_mod.model.", "_orig_mod.module.", "net.backbone.",
    "encoder_q.", "_fsdp_wrapped_module._orig_mod."])
@pytest.mark.parametrize("around", [
    (), ("state_dict",), ("model_state",), ("model",), ("network",), ("model_state_dict",), ("my trainer",), ("ema",),
    ("checkpoint", "model", "state_dict"), ("state_dict_ema",)])
def test_every_wrapping_and_prefix_is_taken_off(prefix, around):
    content = prefixed(prefix)
    for key in reversed(around):
        content = {"epoch": 3, key: content}
    assert network_in(content, ["other", FIRST]) == (NAMES, {})


def test_parts_in_the_middle_of_a_name_are_taken_out():
    content = {"blocks._orig_mod.0.weight": 1, "blocks.1._checkpoint_wrapped_module.weight": 2}
    assert network_in(content, [FIRST]).values == NAMES


def test_what_stands_beside_the_network_is_left_with_its_reason():
    content = {"state_dict": prefixed("model.") | {"criterion.weight": 3, "ema_model.blocks.0.weight": 4}}
    values, left = network_in(content, [FIRST])
    assert values == NAMES
    assert left == {"criterion.weight": "beside the network",
                    "ema_model.blocks.0.weight": "another network in the file"}


def test_an_average_is_taken_only_where_there_is_nothing_else():
    average = {name: -value for name, value in NAMES.items()}
    content = {"model_ema": average, "model": NAMES}
    assert network_in(content, [FIRST]) == (NAMES, {"model_ema": "another network in the file"})
    assert network_in({"model_ema": average}, [FIRST]) == (average, {})
    assert network_in(prefixed("teacher.", average) | prefixed("student."), [FIRST]).values == NAMES


def test_the_counter_of_an_average_is_no_part_of_it():
    values, left = network_in(prefixed("module.") | {"n_averaged": 5}, [FIRST])
    assert (values, left) == (NAMES, {"n_averaged": "state of its training"})


def test_names_that_only_end_alike_are_none():
    assert network_in({"my_blocks.0.weight": 1}, [FIRST]) is None
    assert network_in([NAMES], [FIRST]) is None
    assert network_in({"a": {"b": {"c": {"d": NAMES}}}}, [FIRST]) is None  # deeper than any trainer puts it


def test_names_that_would_become_one_stay_apart():
    assert plain({"module.a": 1, "a": 2}) == {"module.a": 1, "a": 2}
    assert plain({"module.a": 1, "b": 2, 3: 4}) == {"a": 1, "b": 2, "3": 4}


def test_an_unknown_network_is_taken_out_of_the_known_wrappings():
    assert outermost({"state_dict": {"module.a": 1}, "epoch": 2}) == {"a": 1}
    assert outermost({"a": 1}) == {"a": 1}
    assert outermost([1]) == {}
