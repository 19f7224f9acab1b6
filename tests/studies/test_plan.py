import subprocess
import sys

import pytest
from study_makers import write_study

from vaer.errors import UserError
from vaer.studies.plan import Place, plan, product_places


def test_runs_are_rows_by_folds_by_seeds_a_seed_and_fold_at_a_time(tmp_path):
    made = plan(write_study(tmp_path, "seeds: [0, 1]\nfolds: [0, 2]\nrows: {gate: {model.fusion.kind: gated}}\n"),
                "out")
    assert len(made.runs) == 4 * 2 * 2
    order = [made.places_of(key)[0] for key in made.runs]
    assert order[:5] == [("whole network", Place(0, 0)), ("face alone", Place(0, 0)), ("voice alone", Place(0, 0)),
                         ("gate", Place(0, 0)), ("whole network", Place(2, 0))]
    assert order[8] == ("whole network", Place(0, 1))
    for key, run in made.runs.items():
        assert str(run.folder) == f"out/runs/{key}" == run.config.output
        assert run.config.train.resume
    assert len(product_places(made)) == 4


def test_rows_of_the_same_settings_share_a_run(tmp_path):
    made = plan(write_study(tmp_path, "rows: {default: {model.fusion.kind: cross_attention}, "
                                      "twin: {modalities: [audio]}}"))
    assert len(made.runs) == 3
    assert made.described(made.rows["twin"].runs[Place(0, 0)]) == (
        "whole network, fold 0, seed 0; default, fold 0, seed 0; twin, fold 0, seed 0")
    assert made.runs[made.rows["default"].runs[Place(0, 0)]].modalities == ("audio",)


def test_a_row_starts_from_another_at_the_same_place_or_from_its_only_run(tmp_path):
    made = plan(write_study(tmp_path, """\
seeds: [0, 1]
rows:
  joint: {starts: {model.video.pretrained: faces, model.audio.pretrained: voices}}
  faces: {model.audio.enabled: false, in_table: false}
  voices: {model.video.enabled: false, seeds: [5], in_table: false}
parts: {whole: joint, video: faces, audio: voices}
"""), "out")
    faces, voices = (made.rows[name].runs for name in ("faces", "voices"))
    for seed in (0, 1):
        run = made.runs[made.rows["joint"].runs[Place(0, seed)]]
        assert run.sources == (faces[Place(0, seed)], voices[Place(0, 5)])
        assert run.config.model.video.pretrained == f"out/runs/{faces[Place(0, seed)]}"
        assert list(made.runs).index(run.key) > max(map(list(made.runs).index, run.sources))


def test_what_is_not_in_the_table_may_test_nobody(tmp_path):
    made = plan(write_study(tmp_path, "rows:\n  joint: {starts: {model.init: all}}\n"
                                      "  all: {data.protocol: all_train, in_table: false}\n"))
    scored = {made.places_of(key)[0][0]: run.in_table for key, run in made.runs.items()}
    assert scored == {"whole network": True, "face alone": True, "voice alone": True, "joint": True, "all": False}


def test_a_change_in_what_a_row_starts_from_is_a_change_of_the_row(tmp_path):
    def keys(lr):
        made = plan(write_study(tmp_path, f"rows:\n  a: {{train.lr: {lr}}}\n  b: {{starts: {{model.init: a}}}}\n"))
        return [made.rows[name].runs[Place(0, 0)] for name in ("whole network", "a", "b")]

    one, other = keys(0.1), keys(0.2)
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert one[2] != other[2]


def test_after_a_change_of_code_runs_have_other_names_unless_it_is_kept(tmp_path, monkeypatch):
    from vaer.studies import plan as module
    from vaer.studies.run import record_plan

    path, output = write_study(tmp_path), str(tmp_path / "out")
    before = plan(path, output)
    record_plan(before)
    monkeypatch.setattr(module, "code_digest", lambda: "other")
    assert not set(plan(path, output).runs) & set(before.runs)
    kept = plan(path, output, keep_code=True)
    assert list(kept.runs) == list(before.runs)
    assert kept.code == before.code


@pytest.mark.parametrize(("text", "message"), [
    ("rows: {a: {starts: {model.init: b}}}\n", "row 'a': model.init starts from 'b', and no row is called so"),
    ("rows: {a: {starts: {model.init: b}}, b: {starts: {model.init: a}}}\n", "starts from itself, by way of"),
    ("seeds: [0, 1]\nrows: {a: {starts: {model.init: b}}, b: {seeds: [1, 2]}}\n",
     "row 'a': model.init starts from 'b', which has no run of fold 0, seed 0"),
    ("rows: {a: {data.num_frames: 6}}\n", "row 'a': --data.num_frames 6 is not a multiple of --model.video.alpha 4"),
    ("rows: {a: {data.protocol: all_train}}\n", "row 'a': --data.protocol all_train fold 0 tests nobody"),
    ("rows: {a: {data.protocol: nonsense}}\n", "row 'a': --data.protocol 'nonsense' is unknown"),
    ("folds: [9]\n", "row 'whole network': --data.fold 9 is not one of speakers4"),
    ("rows: {a: {corpus: nowhere}}\n", "row 'a': nowhere")])
def test_what_cannot_be_trained_is_refused_before_anything_is(tmp_path, text, message):
    with pytest.raises(UserError) as caught:
        plan(write_study(tmp_path, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_planning_and_dry_runs_cost_no_torch(tmp_path):
    path = write_study(tmp_path, "grid: {model.fusion.dim: [8, 16, 24, 32], train.lr: [1.0e-4, 1.0e-3]}\n")
    code = ("import sys\nfrom vaer.cli import main\n"
            f"main(['study', {str(path)!r}, '--output', {str(tmp_path / 'out')!r}, '--dry-run'])\n"
            "assert not {'torch', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules), sorted(sys.modules)")
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "11 rows, 10 runs" in said  # dim 16 with the usual rate is the whole network
    assert not (tmp_path / "out").exists()
