import pytest

from vaer.errors import UserError
from vaer.train_config import TrainConfig


@pytest.mark.parametrize("make", [
    lambda: TrainConfig(batch_size=0), lambda: TrainConfig(lr=-1.0), lambda: TrainConfig(layer_decay=1.1),
    lambda: TrainConfig(probe_strength=0.0), lambda: TrainConfig(epochs=2, stop_epoch=3),
    lambda: TrainConfig(batch_size=3, accumulation=2), lambda: TrainConfig(tracker="paper"),
    lambda: TrainConfig(ogm_ge=-0.1), lambda: TrainConfig(mixup=-0.1), lambda: TrainConfig(ogm_noise=True),
    lambda: TrainConfig(ogm_ge=0.5, audio_loss=0.0), lambda: TrainConfig(mmpareto=True, video_loss=0.0),
    lambda: TrainConfig(mmpareto=True, ogm_ge=0.1), lambda: TrainConfig(mmpareto=True, compile=True),
    lambda: TrainConfig(mmpareto=True, batch_size=4, accumulation=2)])
def test_values_out_of_range_name_their_flag(make):
    with pytest.raises(UserError, match=r"--train\.[a-z_]+"):
        make()


def test_trackers_are_named_once():
    assert TrainConfig(tracker="tensorboard, wandb,tensorboard").trackers == ("tensorboard", "wandb")
    assert TrainConfig(tracker="none").trackers == ()
