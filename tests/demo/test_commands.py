from pathlib import Path

import pytest

from vaer.cli import main
from vaer.demo import compose as composing
from vaer.demo import redraw as redrawing
from vaer.demo import render


@pytest.mark.parametrize(("module", "name", "arguments", "given", "settings"), [
    (render, "render_corpus", ["demo", "x", "--task", "moment"], (Path("x"),), {"task": "moment", "processes": None}),
    (redrawing, "redraw", ["redraw", "x", "--sound", "a", "--action_units", "b", "--size", "64"], (Path("x"),),
     {"sound": Path("a"), "action_units": Path("b"), "size": 64, "seed": 1, "processes": None})])
def test_flags_reach_what_draws(monkeypatch, module, name, arguments, given, settings):
    calls = []
    monkeypatch.setattr(module, name, lambda *args, **kwargs: calls.append((args, kwargs)))
    main(arguments)
    assert calls == [(given, settings)]


def test_compose_takes_the_data_of_two_files_of_settings(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(composing, "compose", lambda *args, **kwargs: calls.append((args, kwargs)))
    (tmp_path / "voices.yaml").write_text("data: {corpus: ravdess, root: a, labels: calm_as_neutral}\n")
    (tmp_path / "faces.yaml").write_text("data: {corpus: csv, root: b, label_map: {fear: fearful}}\n")
    main(["compose", "x", "--voices", str(tmp_path / "voices.yaml"), "--faces", str(tmp_path / "faces.yaml"),
          "--copies", "3"])
    [((root, voices, faces), others)] = calls
    assert (root, voices.labels, voices.root, faces.label_map) == (
        Path("x"), "calm_as_neutral", "a", {"fear": "fearful"})
    assert others == {"size": 96, "copies": 3, "seed": 0, "processes": None}
