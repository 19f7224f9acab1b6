"""How often the intervals over speakers hold the true score, by simulation.

    python benchmarks/interval_coverage.py

Speakers differ in how hard they are (a normal shift of the log odds, its deviation such that single speakers scatter
by about 0.09 as in published posteriors), and so do classes; clips are drawn given both. The true score is that of
20,000 speakers. Writes benchmarks/results/interval_coverage.json and .png.
"""

import json
from pathlib import Path

import numpy as np
from figures import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.progress import track

from vaer.evaluation.intervals import LEVEL, paired_intervals, score_confusions, speaker_confusions, speaker_intervals
from vaer.runs.provenance import machine_facts

RESULTS = Path(__file__).parent / "results" / "interval_coverage"
SEED = 0
STUDIES = 1_000
CLIPS = (4, 8, 8, 8, 8, 8, 8, 8)  # of a speaker, a class: those of RAVDESS speech
HARDNESS = 0.3  # deviation of a speaker's log odds
CLASS_ODDS = np.array([1.2, 1.4, 0.9, 0.3, 1.3, 0.6, 0.8, 1.0])  # UAR about 0.7
GAIN = 0.35  # log odds by which the second system is better


def main():
    rng = np.random.default_rng(SEED)
    truth = true_scores(rng)
    rows = {}
    for speakers in (8, 12, 20, 24, 91):
        held = {"uar": 0, "war": 0, "macro_f1": 0, "clips as if independent": 0, "difference of uar": 0}
        width = 0.0
        for _ in track(range(STUDIES), description=f"{speakers} speakers"):
            labels, who, answers = study(speakers, rng)
            spans = speaker_intervals(answers[0], labels, who, len(CLIPS))
            for name in ("uar", "war", "macro_f1"):
                held[name] += spans[name].low <= truth[0][name] <= spans[name].high
            width += (spans["uar"].high - spans["uar"].low) / STUDIES
            pair = paired_intervals(*answers, labels, who, len(CLIPS))["uar"]
            held["difference of uar"] += pair.low <= truth[1]["uar"] - truth[0]["uar"] <= pair.high
            right = (answers[0] == labels).mean()
            reach = 1.96 * np.sqrt(right * (1 - right) / len(labels))
            held["clips as if independent"] += abs(right - truth[0]["war"]) <= reach
        rows[speakers] = {name: count / STUDIES for name, count in held.items()} | {"mean width of uar": width}
    facts = {"command": "python benchmarks/interval_coverage.py", "seed": SEED, "studies": STUDIES, "level": LEVEL,
             "true_uar": truth[0]["uar"], "sd_of_a_speakers_war": truth[0]["scatter"],
             "git_commit": machine_facts()["git_commit"], "coverage_by_speakers": rows}
    RESULTS.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    draw(rows)


def study(speakers, rng):
    """Labels, speakers and the answers of two systems, the second better, on the clips of one study."""
    labels = np.tile(np.repeat(np.arange(len(CLIPS)), CLIPS), speakers)
    who = np.repeat(np.arange(speakers), sum(CLIPS))
    hardness = rng.normal(0, HARDNESS, speakers)[who]
    answers = []
    for gain in (0.0, GAIN):
        own = rng.normal(0, HARDNESS / 2, speakers)[who]  # what is hard for one system alone
        right = rng.uniform(size=len(labels)) < 1 / (1 + np.exp(-(CLASS_ODDS[labels] + hardness + own + gain)))
        wrong = (labels + rng.integers(1, len(CLIPS), len(labels))) % len(CLIPS)
        answers.append(np.where(right, labels, wrong))
    return labels, who, answers


def true_scores(rng):
    labels, who, answers = study(20_000, rng)
    found = []
    for answer in answers:
        counts = speaker_confusions(answer, labels, who, len(CLIPS))
        scores = {name: float(value[0]) for name, value in score_confusions(counts.sum(axis=0, keepdims=True)).items()}
        shares = np.diagonal(counts, axis1=1, axis2=2).sum(axis=1) / sum(CLIPS)
        found.append(scores | {"scatter": float(shares.std())})
    return found


def draw(rows):
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = range(len(rows))
    for name in ("uar", "war", "macro_f1", "difference of uar", "clips as if independent"):
        axes.plot(places, [row[name] for row in rows.values()], marker="o", label=name)
    axes.axhline(LEVEL, color="black", linewidth=0.8, linestyle="--", label=f"as stated: {LEVEL:.0%}")
    axes.set_xticks(places, rows)
    axes.set_xlabel("test speakers")
    axes.set_ylabel("share of studies whose interval holds the truth")
    axes.set_ylim(0.5, 1)
    axes.legend(fontsize="small")
    save(figure, RESULTS)


if __name__ == "__main__":
    main()
