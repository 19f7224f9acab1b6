import re
import xml.etree.ElementTree as ElementTree

import pytest

from vaer.evaluation.comparison import RowScores
from vaer.evaluation.seeds import Estimate
from vaer.report import figures

BINS = [{"from": 0.2, "to": 0.4, "clips": 3, "confidence": 0.3, "right": 0.25},
        {"from": 0.8, "to": 1.0, "clips": 9, "confidence": 0.9, "right": 0.7}]
MADE = {
    "confusion": lambda: figures.confusion([[3, 1], [0, 4]], ["<happy>", "sad & tired"]),
    "dots": lambda: figures.dots({"7": 0.2, "8": 0.9}, total=0.5, span=(0.4, 0.6), chance=0.125, what="UAR"),
    "reliability": lambda: figures.reliability(BINS, BINS),
    "robustness": lambda: figures.robustness({
        "chance": 0.125, "clean": {"uar": 0.8, "interval": [0.7, 0.9]}, "curves": {"noise": {
            "what": "noise & more", "unit": "dB",
            "points": [{"strength": 3.0, "uar": 0.5, "interval": [0.4, 0.6]}]}}})[0],
    "scatter": lambda: figures.scatter({"<a>": [(0.0, 1.0, True), (2.0, 1.0, False)], "b": [(1.0, 1.0, True)]},
                                       [0.5, 0.2]),
    "attention": lambda: figures.attention([0.1, 0.2], [0.5, 1.5], [0.0, 1.0, 0.5], 0.3),
    "estimates": lambda: figures.estimates([
        RowScores("one", {"uar": Estimate(0.5, (0.4, 0.6))}, {"uar": [0.5, 0.5]}, ["0", "1"], ["0"], 8, 8, 0.125, None,
                  None, []),
        RowScores("failed", {}, {}, [], [], 0, 0, None, None, None, ["failed"])]),
    "curves": lambda: figures.curves([[(1, 0.5), (2, 0.4)], [(1, 0.6), (2, 0.3)]], what="loss")}


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_figure_is_whole_and_the_same_each_time(name):
    svg = MADE[name]()
    ElementTree.fromstring(svg)
    assert svg == MADE[name]()
    assert "var(--ink)" in svg
    assert not re.search("|".join(figures.COLORS), svg)


def test_every_count_of_the_confusion_is_written():
    texts = ["".join(node.itertext()).strip() for node in ElementTree.fromstring(MADE["confusion"]()).iter()
             if node.tag.endswith("text")]
    assert texts.count("3") == texts.count("1") == texts.count("4") == 1
    assert "<happy>" in texts
    assert "0" not in texts


def test_a_count_below_a_tenth_is_not_struck_through_by_its_square():
    few, many = (figures.confusion([[100 - other, other], [0, 100]], ["a", "b"]) for other in (9, 10))
    assert few.count(figures.COLORS[figures.SOFT]) == 0
    assert many.count(figures.COLORS[figures.SOFT]) == 1


def test_dots_at_the_edge_are_whole():
    dots = figures.dots({"7": 0.0, "8": 1.0}, total=0.5, span=None, chance=0.125, what="UAR")
    right = figures.reliability([BINS[1] | {"confidence": 1.0, "right": 1.0}], None)
    for svg in (dots, right):
        clipped = [node for node in ElementTree.fromstring(svg).iter() if "clip-path" in node.attrib]
        assert not [part for part in clipped if any(node.tag.endswith("use") for node in part.iter())]


def test_folds_are_told_apart_and_one_of_a_single_epoch_is_seen():
    epochs = [(1, 0.5), (2, 0.4)]
    inside = [mark for part in ElementTree.fromstring(figures.curves([epochs, [(1, 0.6)]], what="loss")).iter()
              if "clip-path" in part.attrib for mark in part.iter() if mark.tag.endswith("use")]
    assert len(inside) == 3
    drawn = [figures.curves([epochs if place == number else [] for place in range(6)], what="loss")
             for number in range(6)]
    assert len(set(drawn)) == 6


def test_a_perfect_class_fills_its_field():
    assert figures.confusion([[4, 0], [0, 4]], ["a", "b"]) != figures.confusion([[4, 0], [1, 3]], ["a", "b"])
