import json
from pathlib import Path

import numpy as np
import pytest
import torch
from makers import make_item, make_recipe, tone, write_run, write_video, write_wav

from vaer.data.collate import collate
from vaer.data.dataset import Modalities
from vaer.data.windows import evaluation_window
from vaer.errors import RunError, UserError
from vaer.inference.predictor import Predictor, load
from vaer.inference.vectors import embed_files
from vaer.media.media import decode


@pytest.fixture
def folder(tmp_path):
    write_wav(tmp_path / "in" / "a.wav", tone(2.0))
    write_video(tmp_path / "in" / "b.mp4", sound=tone(2.0, 48_000)[None])
    write_video(tmp_path / "in" / "c.mp4")
    return tmp_path / "in"


def read(path):
    with np.load(path) as content:
        return dict(content)


def test_vectors_are_those_of_the_network_in_order_and_absent_ones_are_no_numbers(tmp_path, folder):
    predictor = load(write_run(tmp_path / "run"), device="cpu")
    embed_files(predictor, [str(folder)], tmp_path / "out" / "v.npz")
    found = read(tmp_path / "out" / "v.npz")
    assert [path.split("/")[-1] for path in found["path"]] == ["a.wav", "b.mp4", "c.mp4"]
    assert found["track"].tolist() == ["voice", "scene", "scene"]
    window = evaluation_window((0.0, 2.0), make_recipe().clip, 0, 1)
    clip = decode(make_item(folder / "b.mp4"), window, size=32, decoder="pyav")
    with torch.inference_mode():
        output = predictor.trained.network(collate([clip], num_frames=8, size=32, wanted=Modalities()))
    for kind, expected in (("video", output.video_embedding), ("audio", output.audio_embedding),
                           ("fused", output.embedding)):
        np.testing.assert_allclose(found[kind][1], expected[0], atol=1e-5)
        assert found[kind].dtype == np.float32
    assert np.isnan(found["video"]).all(axis=1).tolist() == [True, False, False]
    assert np.isnan(found["audio"]).all(axis=1).tolist() == [False, False, True]
    assert not np.isnan(found["fused"]).any()
    assert json.loads(str(found["network"]))["network"] == predictor.trained.sha256


def test_batches_change_no_vector(tmp_path, folder):
    run = write_run(tmp_path / "run")
    for size in (1, 3):
        embed_files(load(run, device="cpu", batch_size=size), [str(folder)], tmp_path / f"{size}.npz")
    for kind in ("video", "audio", "fused"):
        np.testing.assert_allclose(read(tmp_path / "1.npz")[kind], read(tmp_path / "3.npz")[kind], atol=1e-5)


def test_a_branch_that_is_off_has_no_columns(tmp_path, folder):
    from vaer.config import VideoConfig

    run = write_run(tmp_path / "run", video=VideoConfig(enabled=False))
    embed_files(load(run, device="cpu"), [str(folder / "a.wav")], tmp_path / "v.npz")
    found = read(tmp_path / "v.npz")
    assert (found["video"].shape, found["fused"].shape, found["audio"].shape[0]) == ((1, 0), (1, 0), 1)


def test_bad_files_are_named_and_have_no_rows(tmp_path, folder, capsys):
    (folder / "a.wav").write_bytes(b"")
    with pytest.raises(RunError, match=r"v.npz: 1 of 3 files could not be read"):
        embed_files(load(write_run(tmp_path / "run"), device="cpu"), [str(folder)], tmp_path / "v.npz")
    assert "a.wav: is empty" in capsys.readouterr().err
    assert len(read(tmp_path / "v.npz")["path"]) == 2
    with pytest.raises(UserError, match=r"--out v.csv: vectors are written as .npz or .parquet"):
        embed_files(load(tmp_path / "run", device="cpu"), [str(folder)], Path("v.csv"))
    assert not list(tmp_path.glob(".v*"))


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_a_command_interrupted_at_any_moment_goes_on_to_the_same_bytes(tmp_path, folder, ending, monkeypatch):
    write_video(folder / "d.mp4", fps=2, frames=26, sound=tone(13.0, 48_000)[None])  # twelve windows, six batches
    (folder / "bad.mp4").write_bytes(b"no film")
    run, embed = write_run(tmp_path / "run"), Predictor.embed_batches

    def begin(place, batches):
        """Embed until so many batches of all files were made, then be interrupted."""
        made = []

        def interrupted(self, path, memory, known=0):
            for batch in embed(self, path, memory, known):
                if len(made) == batches:
                    raise KeyboardInterrupt
                made.append(path)
                yield batch

        monkeypatch.setattr(Predictor, "embed_batches", interrupted)
        with pytest.raises((KeyboardInterrupt, RunError)) as ended:
            embed_files(load(run, device="cpu", batch_size=2), [str(folder)], place)
        assert ended.type is KeyboardInterrupt or "1 of 5 files could not be read" in str(ended.value)
        return made, ended.type

    whole, _ = begin(tmp_path / f"whole.{ending}", 1000)
    assert len(whole) > 7
    place = tmp_path / f"again.{ending}"
    for batches in (0, 1, 2, 3, 1):  # each time from where it was
        assert begin(place, batches)[1] is KeyboardInterrupt
        with (tmp_path / f".again.{ending}.part" / "journal.jsonl").open("a") as file:
            file.write('{"rows": [{"window"')  # a line that was being written
    assert len(begin(place, 1000)[0]) == len(whole) - 7  # nothing was asked twice
    assert place.read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()
    assert not list(tmp_path.glob(".again*"))


def test_other_settings_and_files_that_changed_are_asked_anew(tmp_path, folder, monkeypatch):
    run = write_run(tmp_path / "run")
    predictor = load(run, device="cpu")
    fails = "c.mp4"
    embed = Predictor.embed_batches

    def interrupted(self, path, memory, known=0):
        if path.endswith(fails):
            raise KeyboardInterrupt
        stored.append(Path(path).name)
        return embed(self, path, memory, known)

    stored = []
    monkeypatch.setattr(Predictor, "embed_batches", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embed_files(predictor, [str(folder)], tmp_path / "v.npz")
    write_wav(folder / "a.wav", tone(2.0, hertz=300))
    with pytest.raises(KeyboardInterrupt):
        embed_files(predictor, [str(folder)], tmp_path / "v.npz")
    assert stored == ["a.wav", "b.mp4", "a.wav", "b.mp4"]
    with pytest.raises(KeyboardInterrupt):
        embed_files(predictor, [str(folder)], tmp_path / "v.npz")
    assert len(stored) == 4
    fails = "nothing"
    embed_files(load(run, device="cpu", batch_size=3), [str(folder)], tmp_path / "v.npz")
    assert stored[4:] == ["a.wav", "b.mp4", "c.mp4"]
    embed_files(load(run, device="cpu"), [str(folder / "a.wav")], tmp_path / "w.npz")
    np.testing.assert_array_equal(read(tmp_path / "v.npz")["audio"][0], read(tmp_path / "w.npz")["audio"][0])
