"""How long are the sentences of README and docs?

    python benchmarks/prose.py [--before COMMIT]

Counts words of running text: code blocks, tables, headings, pictures and links' addresses are left out; a sentence ends
with a full stop, a question mark, a colon or the end of its paragraph or list item.
Writes benchmarks/results/prose.json.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from vaer.version import git_commit

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "prose.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", help="a commit to compare with")
    options = parser.parse_args()
    pages = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
             for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
    result = {"command": f"python {' '.join(sys.argv)}", "git_commit": git_commit(),
              "now": {"all": facts(pages.values())} | {name: facts([text]) for name, text in pages.items()}}
    if options.before:
        result["before"] = {"commit": options.before, "all": facts(text_of(options.before))}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def text_of(commit):
    """README and docs at a commit."""
    git = ["git", "-C", str(ROOT)]
    listed = subprocess.run([*git, "ls-tree", "-r", "--name-only", commit, "README.md", "docs"], check=True,
                            capture_output=True, text=True).stdout.split()
    return [subprocess.run([*git, "show", f"{commit}:{name}"], check=True, capture_output=True, text=True).stdout
            for name in listed if name.endswith(".md")]


def facts(texts):
    lengths = np.array([len(sentence.split()) for text in texts for sentence in sentences(text)] or [0])
    return {"sentences": len(lengths), "mean_words": round(float(lengths.mean()), 1),
            "share_over_25": round(float((lengths > 25).mean()), 3),
            "share_over_30": round(float((lengths > 30).mean()), 3), "longest": int(lengths.max())}


def sentences(text):
    """The sentences of a page's running text."""
    text = re.sub(r"```.*?```", "\n\n", text, flags=re.DOTALL)
    lines = ["" if line.startswith(("|", "#", "![", "<!--")) else re.sub(r"^\s*([-*]|\d+\.) ", "\n", line)
             for line in text.splitlines()]
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", "\n".join(lines)).replace("**", "")
    for paragraph in re.split(r"\n\s*\n", text):
        for sentence in re.split(r"(?<=[.?:])\s+(?=[A-Z`*(0-9])", " ".join(paragraph.split())):
            if len(sentence.split()) > 2:
                yield sentence


if __name__ == "__main__":
    main()
