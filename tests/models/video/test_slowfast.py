
import pytest
import torch
from torch import nn

from vaer.config import Config, DataConfig, ModelConfig, VideoConfig, resolve
from vaer.errors import UserError
from vaer.models.video.slowfast import SlowFast, nearest_index, normalise, slow_index

PATHWAYS = ("both", "slow", "fast")
SLOW_DIM, FAST_DIM = 64, 32  # of `small`: 32 times the widths of the stems, 2 and 1


def config_of(preset="tiny", **settings):
    video = VideoConfig(preset=preset, **settings)
    num_frames = 8 * (settings.get("alpha") or 1)
    return resolve(Config(data=DataConfig(num_frames=num_frames), model=ModelConfig(video=video))).model.video


def small(**settings):
    """A network of stem width 2 whose residuals count (as built, some start at zero)."""
    torch.manual_seed(0)
    branch = SlowFast(config=config_of(**{"width": 2, "fusion_kernel": 3, **settings}))
    for part in branch.modules():
        if isinstance(part, nn.BatchNorm3d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.2, 0.2)
    return branch


def clips(batch=2, time=8, height=32, width=32, seed=1):
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (batch, time, height, width, 3), dtype=torch.uint8, generator=generator)
    return frames, torch.linspace(0, 2, time).repeat(batch, 1)


# The zoo's own counts, with its classifier of 400 actions (Kinetics) on the joined vector.
@pytest.mark.parametrize(("preset", "parameters"), [
    ("r50_8x8", 34_566_488), ("r50_4x16", 34_480_216), ("r101_50_50", 53_774_808)])
def test_has_as_many_parameters_as_the_zoo(preset, parameters):
    with torch.device("meta"):
        branch = SlowFast(config=config_of(preset))
        head = nn.Linear(branch.out_dim, 400)
    assert branch.out_dim == 2304
    assert sum(weight.numel() for part in (branch, head) for weight in part.parameters()) == parameters


@pytest.mark.parametrize(("preset", "slow", "fast"), [
    ("r101_50_50", 6, 6), ("r101_50_101", 6, 23), ("r101_101_101", 23, 23)])
def test_only_the_first_blocks_of_res4_convolve_over_time(preset, slow, fast):
    with torch.device("meta"):
        branch = SlowFast(config=config_of(preset))
    for pathway, temporal_blocks, others in ((branch.slow, slow, (1, 1, 3)), (branch.fast, fast, (3, 3, 3))):
        kernels = [[block.conv_a.kernel_size[0] for block in stage] for stage in pathway.stages]
        assert kernels[2] == [3] * temporal_blocks + [1] * (23 - temporal_blocks)
        assert [set(kernels[stage]) for stage in (0, 1, 3)] == [{kernel} for kernel in others]
    assert branch.slow.stem.conv.kernel_size == (1, 7, 7)
    assert branch.fast.stem.conv.kernel_size == (5, 7, 7)


def test_a_slow_pathway_alone_has_narrower_stages():
    with torch.device("meta"):
        both, slow = (SlowFast(config=config_of("r50_8x8", pathways=name)) for name in ("both", "slow"))
    # 64 and 2 x 8, 256 and 2 x 32, 512 and 2 x 64, 1024 and 2 x 128 channels
    assert [stage[0].conv_a.in_channels for stage in both.slow.stages] == [80, 320, 640, 1280]
    assert [stage[0].conv_a.in_channels for stage in slow.slow.stages] == [64, 256, 512, 1024]
    assert slow.out_dim == 2048
    assert len(slow.laterals) == 0


@pytest.mark.parametrize(("num_frames", "alpha", "wanted"), [
    (8, 4, [0, 7]),  # first and last
    (16, 4, [0, 5, 10, 15]),  # steps of 15 / 3
    (20, 4, [0, 4, 9, 14, 19]),  # steps of 19 / 4: 0, 4.75, 9.5, 14.25, 19
    (32, 4, [0, 4, 8, 13, 17, 22, 26, 31]),  # steps of 31 / 7 = 4.43: 4.43, 8.86, 13.29, 17.71, 22.14, 26.57
    (4, 4, [0]),
    (3, 1, [0, 1, 2]),
])
def test_slow_pictures_are_evenly_spread_and_rounded_down(num_frames, alpha, wanted):
    assert slow_index(num_frames, alpha).tolist() == wanted


@pytest.mark.parametrize("num_frames", [32, 64])
@pytest.mark.parametrize("alpha", [4, 8])
def test_slow_pictures_are_those_of_pyslowfast(num_frames, alpha):
    wanted = torch.linspace(0, num_frames - 1, num_frames // alpha).long()
    assert torch.equal(slow_index(num_frames, alpha), wanted)


def test_a_number_of_pictures_that_alpha_does_not_divide_is_refused():
    with pytest.raises(UserError, match=r"30 frames.*--data\.num_frames.*alpha 4"):
        slow_index(30, 4)


def test_nearest_slow_time_is_found_in_each_row():
    times = torch.tensor([[0.0, 0.1, 0.2, 1.0, 1.1, 2.0], [0.0, 0.5, 1.5, 1.9, 1.95, 2.0], [0.0] * 6])
    slow_times = torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.9, 2.0], [0.0] * 3])
    # Row 1: .5 is .5 from 0 and 1.4 from 1.9; 1.5 is .4 from 1.9; 1.95 is as far from 1.9 as from 2.0 but for rounding,
    # so it may go to either. Row 2 has no clock (an absent clip): the first of equals.
    nearest = nearest_index(times, slow_times).tolist()
    assert nearest[0] == [0, 0, 0, 1, 1, 2]
    assert nearest[1][:4] == [0, 0, 1, 1]
    assert nearest[1][4] in (1, 2)
    assert nearest[1][5] == 2
    assert nearest[2] == [0] * 6


def test_pictures_are_scaled_and_normalised():
    frames = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 1, 3)
    # (0 - .45) / .225 = -2; (.2 - .45) / .225 = -10/9; (1 - .45) / .225 = 22/9
    assert normalise(frames).flatten().tolist() == pytest.approx([-2, -10 / 9, 22 / 9])
    assert frames.flatten().tolist() == [0, 51, 255]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (37, 53), (16, 16)])
@pytest.mark.parametrize("pathways", PATHWAYS)
def test_tokens_of_any_size(pathways, height, width):
    branch = small(pathways=pathways).eval()
    frames, times = clips(height=height, width=width)
    with torch.inference_mode():
        tokens = branch(frames, times)
    wanted_times = times[:, [0, 7]] if pathways == "slow" else times  # alpha 4: the first and the last of eight
    dim = {"both": SLOW_DIM + FAST_DIM, "slow": SLOW_DIM, "fast": FAST_DIM}[pathways]
    assert branch.out_dim == dim
    assert tokens.values.shape == (2, wanted_times.shape[1], dim)
    assert tokens.values.isfinite().all()
    assert torch.equal(tokens.times, wanted_times)
    assert tokens.mask.dtype == torch.bool
    assert tokens.mask.shape == wanted_times.shape
    assert tokens.mask.all()


@pytest.mark.parametrize(("time", "alpha", "kernel"), [(4, 4, 7), (20, 4, 5), (16, 8, 5), (3, 1, 3), (9, 3, 1)])
def test_lateral_connections_give_the_slow_rate(time, alpha, kernel):
    branch = small(alpha=alpha, fusion_kernel=kernel).eval()
    with torch.inference_mode():
        assert branch(*clips(batch=1, time=time, height=16, width=16)).values.shape == (1, time, SLOW_DIM + FAST_DIM)


@pytest.mark.parametrize("time", [1, 5])
def test_the_fast_pathway_alone_takes_any_number_of_pictures(time):
    branch = small(pathways="fast").eval()
    with torch.inference_mode():
        assert branch(*clips(time=time)).values.shape == (2, time, FAST_DIM)


def test_standardized_clips_forget_brightness_and_tint():
    frames = torch.randint(60, 120, (2, 4, 16, 16, 3), generator=torch.Generator().manual_seed(0))
    tinted = (frames * torch.tensor([1, 2, 1]) + torch.tensor([10, 0, 30])).to(torch.uint8)
    plain = normalise(frames.to(torch.uint8), standardize=True)
    assert plain.mean(dim=(2, 3, 4)).abs().max() < 1e-5
    assert (plain.var(dim=(2, 3, 4)) - 1).abs().max() < 0.02
    assert (normalise(tinted, standardize=True) - plain).abs().max() < 0.02
    assert normalise(torch.zeros(1, 1, 16, 16, 3, dtype=torch.uint8), standardize=True).abs().max() == 0


def test_each_token_holds_the_slow_features_of_the_nearest_slow_time():
    branch = small().eval()
    frames, _ = clips()
    # Slow frames are the first and the last. Row 0: nearer to the last from .5 s on; row 1: only the last itself.
    times = torch.tensor([[0.0, 0.1, 0.2, 0.3, 0.6, 0.7, 0.8, 1.0], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 9.0]])
    with torch.inference_mode():
        slow = branch(frames, times).values[:, :, :SLOW_DIM]
    first, last = slow[:, :1], slow[:, -1:]
    assert not torch.allclose(first, last)
    assert torch.equal(slow[0], torch.cat((first[0].expand(4, -1), last[0].expand(4, -1))))
    assert torch.equal(slow[1], torch.cat((first[1].expand(7, -1), last[1])))


def test_blocks_with_an_identity_shortcut_start_as_the_identity():
    branch = SlowFast(config=config_of(width=2, blocks=[1, 2, 1, 3]))
    for stage, num_blocks in zip(branch.slow.stages, (1, 2, 1, 3), strict=True):
        scales = [block.norm_c.weight.unique().tolist() for block in stage]
        assert scales == [[1]] + [[0]] * (num_blocks - 1)  # the first block of a stage changes the width


def test_layers_go_from_input_to_output():
    branch = small()
    for number, group in enumerate(branch.layers()):
        wanted = [pathway.stages[number - 1] if number else pathway.stem for pathway in (branch.slow, branch.fast)]
        wanted += [branch.laterals[number]] if number < 4 else []
        assert [id(part) for part in group] == [id(part) for part in wanted]


def test_a_width_that_beta_does_not_divide_is_refused():
    with pytest.raises(UserError, match=r"--model\.video\.width 9.*beta_inv 2"):
        SlowFast(config=config_of(width=9))


def test_a_clip_goes_without_the_residual_of_a_block():
    """Always dropped, an identity shortcut alone is left; the rate grows over the blocks of all stages."""
    branch = small(blocks=[2, 1, 1, 1], drop_path=1.0)
    values = torch.rand(3, 8, 2, 4, 4)
    last = branch.slow.stages[0][1]
    last.drop_path[1].drop_prob = 1.0
    torch.testing.assert_close(last(values), values)
    assert not torch.allclose(last.eval()(values), values)
    rates = [block.drop_path[1].drop_prob for stage in small(blocks=[2, 1, 1, 1], drop_path=0.5).fast.stages
             for block in stage]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert not any("drop_path" in name for name in branch.state_dict())


def test_dropped_paths_are_the_same_where_activations_are_computed_again():
    gradients = []
    for again in (False, True):
        branch = small(drop_path=0.5, gradient_checkpointing=again)
        torch.manual_seed(3)
        branch(*clips(batch=4)).values.square().sum().backward()
        gradients.append({name: parameter.grad for name, parameter in branch.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


def test_a_frozen_branch_drops_nothing():
    branch = small(drop_path=1.0, freeze=True)
    assert torch.equal(branch(*clips()).values, branch.eval()(*clips()).values)
