import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from makers import make_scored, tiny_config
from sklearn.metrics import recall_score

from vaer.atomic_files import write_facts
from vaer.config import write_config
from vaer.evaluation.report import write
from vaer.report.page import render, without_folders, write_report
from vaer.report.sources import read_source
from vaer.runs.folder import RunFolder


class Text(HTMLParser):
    """What a person reads of a page, and whether its elements close in order."""

    VOID = {"meta", "br", "path", "use", "rect", "image"}

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


def written(folder, **changes):
    """The folder of a run that was scored: eight speakers, three classes."""
    scored = make_scored(folder, **{"speakers": 8, "temperature": 1.4, "max_seconds": 10.0, "clips_cut": 0,
                                    "validation": "select"} | changes)
    write(scored, "")
    write_config(tiny_config(), folder / "config.yaml")
    write_facts(folder / "run.json", {"finished": True, "versions": {"vaer": "0.1.0"}, "pretrained": {}})
    rows = [{"epoch": epoch, "loss": 2.0 / epoch, "validation_uar": 0.2 * epoch} for epoch in (1, 2, 3)]
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return RunFolder(folder)


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
    page = render([read_source(run) for run in runs])
    text = text_of(page)
    assert text.index("Side by side") < text.index("two against one: UAR +0.") < text.index("Can this number")


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
