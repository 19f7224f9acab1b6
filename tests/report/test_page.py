import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from makers import write_video
from report_makers import inside_made, measured, written
from sklearn.metrics import recall_score

from vaer.atomic_files import write_facts
from vaer.evaluation.comparison import Row, compare_rows
from vaer.report.page import cost_rows, render, without_folders, write_report
from vaer.report.sources import read_source


class Text(HTMLParser):
    """What a person reads of a page, and whether its elements close in order."""

    VOID = {"meta", "br", "path", "use", "rect", "image", "img"}

    def __init__(self):
        super().__init__()
        self.open, self.words = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def text_of(page):
    parser = Text()
    parser.feed(page)
    assert parser.open == []
    return " ".join(" ".join(parser.words).split())


@pytest.fixture
def run(tmp_path):
    return written(tmp_path / "run")


def test_the_verdict_stands_before_the_number(run):
    text = text_of(write_report([run]).read_text())
    uar = read_source(run).scored.facts["uar"]
    for before in ("protocol p", "what chose the epoch the validation speakers", "guard told",
                   "began with random weights"):
        assert text.index(before) < text.index(f"UAR {uar:.3f}"), before
    assert "over 8 speakers" in text


def test_its_numbers_are_those_of_the_predictions(run):
    text = text_of(write_report([run]).read_text())
    table = pd.read_csv(run.path / "predictions.csv")
    recalls = recall_score(table["label"], table["prediction"], average=None, labels=["a", "b", "c"])
    assert f"UAR {recalls.mean():.3f}" in text
    for name, recall in zip("abc", recalls, strict=True):
        assert re.search(rf"\b{name} {recall:.3f} ", text)
    wrong = table[table["label"] != table["prediction"]]
    assert wrong["id"].iloc[0] in text
    assert f"chance is {1 / 3:.3f}" in text


def test_the_same_files_give_the_same_bytes(run):
    first = write_report([run]).read_bytes()
    assert write_report([run]).read_bytes() == first


def test_nothing_is_fetched_and_no_folder_is_named(run, tmp_path):
    page = write_report([run]).read_text()
    addresses = set(re.findall(r"https?://[^\"'\s<>]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert str(tmp_path) not in page
    assert "<script" not in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert all(f"#{name}" in page for name in ids)


def test_names_are_escaped(run):
    metrics = json.loads((run.path / "metrics.json").read_text())
    evil = "<script>alert(1)</script>"
    rows = {name if name != "c" else evil: row for name, row in metrics["per_class"].items()}
    metrics |= {"remark": evil, "warnings": [evil], "classes": ["a", "b", evil], "per_class": rows}
    (run.path / "metrics.json").write_text(json.dumps(metrics))
    table = pd.read_csv(run.path / "predictions.csv", dtype={"fold": str, "speaker": str})
    table.replace("c", evil).rename(columns={"c": evil}).to_csv(run.path / "predictions.csv", index=False)
    page = write_report([run]).read_text()
    assert evil not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4


def test_a_lifted_guard_is_the_first_thing_said(tmp_path):
    text = text_of(write_report([written(tmp_path / "run", leaks=["speaker 1 stands on both sides"])]).read_text())
    assert text.index("The guard was lifted: speaker 1 stands on both sides.") < text.index("protocol p")


def test_several_runs_stand_side_by_side(tmp_path):
    runs = [written(tmp_path / "one"), written(tmp_path / "two", right=0.9)]
    text = text_of(render([read_source(run) for run in runs]))
    one, two = compare_rows([Row(run.path.name, [read_source(run).scored]) for run in runs])
    low, high = two.difference.interval
    shown = f"two 0 {two.scores['uar'].value:.3f}"
    assert text.index("Side by side") < text.index(shown.replace("two 0", "two 1")) < text.index("Can this number")
    assert f"{two.difference.value:+.3f} [{low:+.3f}, {high:+.3f}]" in text
    assert one.difference is None


def test_curves_of_robustness_stand_in_the_page_where_they_are_of_its_answers(run):
    facts = measured(run, ("noise", "shift"))
    page = write_report([run]).read_text()
    point = facts["curves"]["noise"]["points"][2]
    low, high = point["difference_interval"]
    text, sha256 = text_of(page), hashlib.sha256(run.robustness_path().read_bytes()).hexdigest()
    assert f"white noise in the waveform, SNR, dB 10 {point['uar']:.3f} [" in text
    assert f"{point['difference']:+.3f} [{low:+.3f}, {high:+.3f}]" in text
    assert f"From robustness.csv , SHA-256 {sha256}" in text
    assert write_report([run]).read_text() == page
    facts["clean"]["uar"] += 0.01
    write_facts(run.robustness_path().with_suffix(".json"), facts)
    assert "made worse" not in write_report([run]).read_text()


def test_what_a_network_does_inside_stands_in_the_page(run):
    assert "A map of the clips" not in text_of(write_report([run]).read_text())
    facts = inside_made(run)
    page = write_report([run]).read_text()
    text = text_of(page)
    assert "48 of 96 clips are drawn" in text
    assert "When it listens" in text
    for row in facts["attention"]:
        assert row["id"] in text
    assert "first direction, 50% of the variance" in text
    assert "parameters 3,500 (video 1,000, audio 2,000, fusion and heads 500)" in text
    assert write_report([run]).read_text() == page


def test_costs_are_told_of_what_a_network_takes_in():
    cost = {"parameters": {"audio": 5}, "flops": 2_000_000, "seconds": 0.5, "clip_seconds": 2.5, "frames": None,
            "device": "1 thread"}
    assert [name for name, _ in cost_rows(cost)] == ["parameters", "operations for 2.50 s of waveform",
                                                     "time of that answer"]
    assert cost_rows(cost)[2][1].startswith("500 ms by 1 thread")
    assert cost_rows(None) == []


def test_faces_are_shown_where_that_was_asked_for_alone(run, tmp_path):
    film = write_video(tmp_path / "film.mp4", frames=4, size=(48, 48))
    table = run.predictions_path()
    table.write_text(table.read_text().replace("x.wav", str(film)))
    assert "<img" not in write_report([run]).read_text()
    page = write_report([run], thumbnails=True).read_text()
    assert page.count('<img src="data:image/jpeg;base64,') == len(pd.read_csv(run.path / "errors.csv").head(20))
    assert str(tmp_path) not in page


def test_few_speakers_have_no_interval(tmp_path):
    assert "no interval: 2 test speakers, 8 are needed" in text_of(
        write_report([written(tmp_path / "run", speakers=2)]).read_text())


def test_many_clips_stay_small(tmp_path):
    run = written(tmp_path / "run", speakers=24, clips=60)
    assert len(pd.read_csv(run.path / "predictions.csv")) == 1440
    assert write_report([run]).stat().st_size < 5_000_000


@pytest.mark.parametrize(("text", "shown"), [("the run runs/a/fold0", "the run fold0"), ("plain", "plain"),
                                             ("voice: /home/x/w.pt, 3 tensors", "voice: w.pt, 3 tensors")])
def test_folders_are_left_out(text, shown):
    assert without_folders(text) == shown


def test_numbers_of_the_curves_are_those_of_the_log(run):
    source = read_source(run)
    assert [row["validation_uar"] for row in source.logs[0]] == pytest.approx([0.2, 0.4, 0.6])
    assert np.isfinite(source.scored.facts["calibration"]["error"])
