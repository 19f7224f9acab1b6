import dataclasses
import json

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from makers import make_batch, make_item, tiny_audio, tiny_config, tiny_network, tiny_video
from run_makers import write_takes

from vaer.config import FusionConfig, write_config
from vaer.data.protocols import read_split
from vaer.evaluation import inside
from vaer.evaluation.inside import attention_of, cost_of, first_of_labels, levels_of, map_of, some_of, write_inside
from vaer.evaluation.options import Options
from vaer.models.network import VAER, network_settings
from vaer.runs.folder import RunFolder

OPTIONS = Options(batch_size=2, num_workers=0)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A network of random weights beside the corpus that it would be tested on."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    AcceleratorState._reset_state(reset_partial_state=True)
    config = tiny_config()
    data = dataclasses.replace(config.data, root=str(write_takes(tmp_path / "corpus")), protocol="repetition",
                               channel="both")
    config = dataclasses.replace(config, data=data)
    network = VAER(settings=network_settings(config, read_split(data)[0]))
    network.save_pretrained(tmp_path / "run/best", config={"settings": network.settings})
    write_config(config, tmp_path / "run/config.yaml")
    yield RunFolder(tmp_path / "run")
    AcceleratorState._reset_state(reset_partial_state=True)


def test_a_write_inside_is_written_once(run, monkeypatch):
    path = write_inside(run, OPTIONS)
    facts = json.loads(path.read_text())
    assert path == run.path / "inside.json"
    assert len(facts["map"]["points"]) == facts["map"]["of"] == 3
    assert set(facts["cost"]["parameters"]) == {"video", "audio", "fusion and heads"}
    assert {row["id"] for row in facts["attention"]} <= set(facts["map"]["points"])
    assert len(facts["attention"]) == 3
    written = path.read_bytes()
    monkeypatch.setattr(inside, "open_run", None)  # what is there is not made again
    assert write_inside(run, OPTIONS).read_bytes() == written


def test_another_format_or_network_is_looked_at_anew(run, monkeypatch):
    write_inside(run, OPTIONS)
    monkeypatch.setattr(inside, "FORMAT", 0)
    assert json.loads(write_inside(run, OPTIONS).read_text())["made_from"]["format"] == 0


def test_places_are_those_of_scikit_learn_and_their_shares_too():
    from sklearn.decomposition import PCA

    vectors = np.random.default_rng(0).normal(size=(9, 5)) * np.array([4, 3, 1, 1, 1])
    found = map_of(vectors, [make_item(f"{number}.wav") for number in range(9)], 20)
    expected = PCA(2).fit(vectors)
    np.testing.assert_allclose(list(found["points"].values()), expected.transform(vectors), atol=1e-4)
    assert found["explained"] == pytest.approx(expected.explained_variance_ratio_, abs=1e-4)
    assert (found["of"], next(iter(found["points"]))) == (20, "0")
    assert map_of(vectors[:2], [make_item("a.wav"), make_item("b.wav")], 2) is None


def test_attention_is_one_where_all_moments_are_alike():
    network = tiny_network().eval()
    found = attention_of(network, make_batch([1.0]))
    assert np.mean(found["weights"]) == pytest.approx(1, abs=1e-3)
    assert len(found["times"]) == len(found["weights"])
    assert found["seconds"] == 1.0
    assert max(found["levels"]) == 1
    assert attention_of(network, make_batch([0.0])) is None  # no waveform
    alone = tiny_network(fusion=FusionConfig(kind="concat", dim=16, heads=2, layers=1)).eval()
    assert attention_of(alone, make_batch([1.0])) is None


def test_parameters_and_operations_are_counted():
    network = tiny_network(video=dataclasses.replace(tiny_video(), enabled=False), audio=tiny_audio()).eval()
    found = cost_of(network, make_batch([1.0]))
    assert sum(found["parameters"].values()) == sum(parameter.numel() for parameter in network.parameters())
    assert set(found["parameters"]) == {"audio", "fusion and heads"}
    assert found["seconds"] > 0
    assert (found["clip_seconds"], found["frames"]) == (1.0, 8)


def test_operations_are_two_for_a_multiplication_and_an_addition():
    class Product(torch.nn.Module):
        branches, video = ("video",), torch.nn.Linear(4, 5, bias=False)

        def forward(self, batch):
            return self.video(torch.zeros(3, 4))

    assert cost_of(Product(), make_batch([0.1]))["flops"] == 2 * 3 * 4 * 5


def test_loudness_is_one_at_its_maximum():
    waveform = np.concatenate([np.zeros(120), np.full(120, 0.5), np.full(120, 0.25)])
    levels = levels_of(waveform)
    assert len(levels) == inside.LEVELS
    assert (levels[0], levels[60], levels[-1]) == (0, 1, 0.5)
    assert levels_of(np.zeros(5)) == [0.0] * 5


def test_some_clips_are_drawn_in_their_order_and_one_of_each_label_first():
    items = [make_item(f"{number}.wav", label="abc"[number % 3]) for number in range(30)]
    some = some_of(items, 10)
    assert len(some) == 10
    assert some == sorted(some, key=items.index)
    assert some_of(items, 10) == some
    assert some_of(items, 30) is items
    assert first_of_labels(items) == [0, 1, 2]
