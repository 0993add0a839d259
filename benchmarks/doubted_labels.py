"""Flip some labels of a data set, and count how many of them ``fewlabels doubt`` finds::

    python benchmarks/doubted_labels.py DATA --labels LABELS.csv [--num-labels 300] [--method auto] [--draws 3]

LABELS.csv has the columns path, label and split. Of the training images, all labels or ``--num-labels`` at random are
given, 5 % of them wrong. Printed are the share of flips among the first rows, as many as there are flips, and the share
of all flips that are listed.
"""

import argparse
import csv
import random
import tempfile
from pathlib import Path

from fewlabels.exports.run_labels import read_run_labels
from fewlabels.options import TrainOptions
from fewlabels.review.doubted_run import doubt_run
from fewlabels.run.train import train

FLIPPED = 0.05


def write_flipped(rows: list[dict[str, str]], file: Path, num_labels: int | None, seed: int) -> set[str]:
    """Write a CSV with some labels, of which some are wrong, and return the paths of the wrong ones."""
    draw = random.Random(seed)
    names = sorted({row["label"] for row in rows} - {""})
    known = sorted(row["path"] for row in rows if row["label"] and row["split"] == "train")
    kept = set(draw.sample(known, num_labels or len(known)))
    flips = set(draw.sample(sorted(kept), round(FLIPPED * len(kept))))
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["path", "label", "split"])
        for row in rows:
            label = row["label"] if row["split"] != "train" or row["path"] in kept else ""
            if row["path"] in flips:
                label = draw.choice([name for name in names if name != label])
            writer.writerow([row["path"], label, row["split"]])
    return flips


def measure(args: argparse.Namespace, seed: int, folder: Path) -> None:
    """Train on flipped labels, and print what is found."""
    with args.labels.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    flips = write_flipped(rows, folder / "flipped.csv", args.num_labels, seed)
    out = folder / "run"
    options = TrainOptions(data=args.data, labels=str(folder / "flipped.csv"), method=args.method, out=str(out))
    train(options, say=lambda _: None)
    found = read_run_labels(out)
    doubts, checked = doubt_run(found, found.options)
    listed = [path for path, *_ in doubts]
    first = sum(path in flips for path in listed[: len(flips)]) / len(flips)
    recall = sum(path in flips for path in listed) / len(flips)
    print(
        f"draw {seed}: {checked} labels, {len(flips)} flipped, {len(listed)} listed; of the first {len(flips)} "
        f"{first:.1%} are flips, and {recall:.1%} of all flips are listed",
        flush=True,
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--num-labels", type=int)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--draws", type=int, default=3)
    args = parser.parse_args()
    for seed in range(args.draws):
        with tempfile.TemporaryDirectory() as folder:
            measure(args, seed, Path(folder))


if __name__ == "__main__":
    main()
