import math

import pytest
import torch
from makers import make_batch

from vaer.config import TrainConfig
from vaer.records import MixedBatch, Output
from vaer.training.losses import clip_counts, emotion_loss

EVEN = math.log(3)  # cross-entropy of three equal logits


def test_counts_are_summed_over_micro_batches():
    batches = [make_batch([0.1, 0.0], video=[True, True]), make_batch([0.0], video=[False])]
    assert clip_counts(batches).tolist() == [3, 2, 1]


def test_each_head_is_scored_on_the_clips_that_have_its_modality():
    batch = make_batch([0.1, 0.0], video=[True, True])
    wrong = torch.tensor([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]])  # labels are 0 and 1: an even answer, a bad one
    output = Output(torch.zeros(2, 3), video_logits=torch.zeros(2, 3), audio_logits=wrong)
    config = TrainConfig(video_loss=0.5, audio_loss=0.25)
    # fused: mean of EVEN, EVEN; video: the same; audio: the first clip alone, the bad answer belongs to an absent one
    loss = emotion_loss(output, batch, clip_counts([batch]), config)
    assert loss.item() == pytest.approx(EVEN * 1.75)


def test_parts_of_a_step_add_up_to_the_whole():
    torch.manual_seed(0)
    batch = make_batch([0.1, 0.0, 0.1, 0.1], video=[True, True, False, True])
    output = Output(*(torch.randn(4, 3) for _ in range(3)))
    counts, config = clip_counts([batch]), TrainConfig(label_smoothing=0.1)
    whole = emotion_loss(output, batch, counts, config)
    parts = [emotion_loss(Output(*(part[rows] for part in output[:3])),
                          type(batch)(*(part[rows] for part in batch)), counts, config)
             for rows in (slice(0, 1), slice(1, 4))]
    torch.testing.assert_close(sum(parts), whole)


def test_a_count_of_zero_gives_zero():
    batch = make_batch([0.0, 0.0], video=[True, True])
    output = Output(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 3))
    loss = emotion_loss(output, batch, clip_counts([batch]), TrainConfig(video_loss=0, audio_loss=1.0))
    assert loss.item() == pytest.approx(EVEN)


def test_one_branch_alone_is_counted_once():
    batch = make_batch([0.1, 0.1])
    logits = torch.zeros(2, 3)
    assert emotion_loss(Output(logits, audio_logits=logits), batch, clip_counts([batch]),
                        TrainConfig()).item() == pytest.approx(EVEN)


def test_class_weights_multiply_the_terms_of_their_clips_in_every_head():
    """Labels 0 and 1 weigh 0.5 and 4, and the sums are still divided by the clips: 2 fused, 2 of video, 1 of audio."""
    batch = make_batch([0.1, 0.0], video=[True, True])
    sure = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    right, wrong = math.log(math.e + 2) - 1, math.log(math.e + 2)  # cross-entropies of class 0 and of another one
    output = Output(sure, video_logits=torch.zeros(2, 3), audio_logits=sure)
    loss = emotion_loss(output, batch, clip_counts([batch]), TrainConfig(video_loss=0.5, audio_loss=0.25),
                        torch.tensor([0.5, 4.0, 9.0]))
    fused, video, audio = (0.5 * right + 4 * wrong) / 2, (0.5 * EVEN + 4 * EVEN) / 2, 0.5 * right
    assert loss.item() == pytest.approx(fused + 0.5 * video + 0.25 * audio)


def test_weights_of_one_change_nothing_with_smoothing_too():
    batch = make_batch([0.1, 0.1])
    output = Output(*(torch.randn(2, 3, generator=torch.Generator().manual_seed(part)) for part in range(3)))
    plain, ones = (emotion_loss(output, batch, clip_counts([batch]), TrainConfig(label_smoothing=0.1), weights)
                   for weights in (None, torch.ones(3)))
    assert plain == ones


@pytest.mark.parametrize("weights", [None, [0.5, 4.0, 2.0]])
def test_mixed_clips_answer_for_both_labels_by_one_share_in_all_heads(weights):
    """Labels 0 and 1; the first is 0.75 of class 0 and 0.25 of class 2, the second, without audio, stayed itself."""
    batch = MixedBatch(*make_batch([0.1, 0.0], video=[True, True]), partner_labels=torch.tensor([2, 1]),
                       shares=torch.tensor([0.75, 1.0]))
    chances = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    output = Output(chances.log(), video_logits=chances.log(), audio_logits=chances.log())
    config = TrainConfig(video_loss=0.5, audio_loss=0.25)
    loss = emotion_loss(output, batch, clip_counts([batch]), config, None if weights is None else torch.tensor(weights))
    zero, one, two = weights or (1, 1, 1)
    mixed, own = -0.75 * zero * math.log(0.5) - 0.25 * two * math.log(0.2), -one * math.log(0.6)
    assert loss.item() == pytest.approx((mixed + own) / 2 * 1.5 + 0.25 * mixed)
