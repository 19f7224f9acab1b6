import pytest

from vaer.errors import UserError
from vaer.train_config import TrainConfig


@pytest.mark.parametrize("make", [
    lambda: TrainConfig(batch_size=0), lambda: TrainConfig(lr=-1.0), lambda: TrainConfig(layer_decay=1.1),
    lambda: TrainConfig(probe_strength=0.0), lambda: TrainConfig(epochs=2, stop_epoch=3),
    lambda: TrainConfig(batch_size=3, accumulation=2), lambda: TrainConfig(tracker="paper")])
def test_values_out_of_range_name_their_flag(make):
    with pytest.raises(UserError, match=r"--train\.[a-z_]+"):
        make()


def test_trackers_are_named_once():
    assert TrainConfig(tracker="tensorboard, wandb,tensorboard").trackers == ("tensorboard", "wandb")
    assert TrainConfig(tracker="none").trackers == ()
