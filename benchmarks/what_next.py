"""Compare images that ``fewlabels next`` chooses with as many at random, by the accuracy of what is trained on them::

    python benchmarks/what_next.py --root DATA --out what-next.jsonl [--sets digits cub50 cifar10] [--draws 5]
    python benchmarks/what_next.py --out what-next.jsonl --table           # a table in Markdown

DATA has the folder cub50 with annotations.csv, and cifar10.npz. No image has a label at first. A draw is nine tenths of
the training images, at most 3000; random images are not drawn class by class, because nobody knows the classes. On
photographs and on CIFAR-10 the head that ``auto`` chooses is trained; on digits, where ``auto`` trains a network for
minutes, graph-probe on the pixels stands for it.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from few_labels import POOL, means, read
from sklearn.datasets import load_digits

from fewlabels.auto.heads import FOLDS, HEADS, Given, PoolFeatures, best_trial, try_heads
from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.review.next_images import choose_next
from fewlabels.training.machine import make_deterministic

SETS = {"digits": (1, 2, 5), "cub50": (1, 5), "cifar10": (1, 5)}
"""Numbers of labels, as multiples of the number of classes."""
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Features (N, D), classes (N,), training rows and test rows."""


def load(name: str, root: Path) -> Arrays:
    """Read a data set with its features."""
    if name == "digits":
        pixels, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(labels))
        return pixels.astype(np.float32) / 16, labels, order[:1297], order[1297:]
    data = read(name, root, root)
    rows = data.dataset.rows
    return data.features.numpy(), data.dataset.labels, rows(TRAIN), rows(TEST)


def accuracy(pool: PoolFeatures, given: Given, test: PoolFeatures, labels: np.ndarray, auto: bool) -> float:
    """Train a head on the given labels and return its accuracy on the test images; 0 with labels of one class."""
    if len(set(given.labels.tolist())) < 2:
        return 0.0
    head = HEADS[-1]  # graph-probe with shares that are not assumed equal
    if auto:
        best = best_trial(try_heads(pool, given, FOLDS, seed=0), len(given.labels))
        head = next(each for each in HEADS if (each.method, each.parameters) == (best.method, best.parameters))
    return float((head.fit(pool, given).logits(head.scaled(test)).argmax(1) == labels).mean())


def measure(name: str, arrays: Arrays, draws: int, out: Path) -> None:
    """Append the accuracies of a data set to the file."""
    features, labels, train, test = arrays
    classes = int(labels.max()) + 1
    for seed in range(draws):
        draw = np.random.default_rng(seed)
        rows = np.sort(draw.permutation(train)[: min(POOL, round(0.9 * len(train)))])
        pool = PoolFeatures(torch.from_numpy(features[rows]), classes)
        held = PoolFeatures(torch.from_numpy(features[test]), classes, reference=pool)
        for per_class in SETS[name]:
            count, own = per_class * classes, labels[rows]
            none = np.array([], np.int64)
            chosen = choose_next(features[rows], none, np.arange(len(rows)), count, np.ones(len(rows)))
            for row, picked in (("next", chosen), ("random", draw.permutation(len(rows))[:count])):
                found = accuracy(pool, Given(picked, own[picked]), held, labels[test], name != "digits")
                record = {"set": name, "labels": per_class, "draw": seed, "row": row, "accuracy": found}
                with out.open("a") as file:
                    file.write(json.dumps(record) + "\n")
                print(record, flush=True)


def table(out: Path) -> str:
    """Return mean and deviation over the draws in percent as Markdown."""
    found = means([json.loads(line) for line in out.read_text().splitlines()], "accuracy")
    columns = sorted({(name, labels) for name, labels, _ in found})
    lines = ["| | " + " | ".join(f"{name}, {n}" for name, n in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in ("random", "next"):
        cells = [found[(*column, row)] for column in columns]
        lines.append(f"| {row} | " + " | ".join(f"{100 * mean:.1f} ± {100 * std:.1f}" for mean, std in cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path())
    parser.add_argument("--out", type=Path, default=Path("what-next.jsonl"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    make_deterministic(1)
    if args.table:
        print(table(args.out))
        return
    for name in args.sets:
        measure(name, load(name, args.root), args.draws, args.out)


if __name__ == "__main__":
    main()
