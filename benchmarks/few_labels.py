"""Compare what an expert tries on features of a pretrained network with our heads on the same features, and `auto`.

Every cell is a data set, a number of labels per class and a draw of the labels; its accuracies on the test images are
appended to a file of JSON lines, and cells that are in the file are skipped::

    python benchmarks/few_labels.py --root DATA --out few-labels.jsonl [--sets cub50 tiny_imagenet20] [--draws 3]
    python benchmarks/few_labels.py --out few-labels.jsonl --table         # a table in Markdown
    python benchmarks/few_labels.py --out few-labels.jsonl --evidence      # rewrite src/fewlabels/auto/evidence.json

DATA has the folders cub50 and tiny_imagenet20, each with annotations.csv, and cifar10.npz. Features are those that a
run with `--method linear-probe` computes, and are cached as its are.
"""

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from fewlabels.auto.cross_fitting import log_loss_at_best_temperature
from fewlabels.auto.evidence import FILE, candidate_key
from fewlabels.auto.heads import FOLDS, HEADS, Given, PoolFeatures, best_trial, try_heads
from fewlabels.data.dataset import TEST, TRAIN, ArrayImages, Dataset
from fewlabels.data.split import draw_split
from fewlabels.models.inference import features
from fewlabels.options import TrainOptions
from fewlabels.run.plan import make_plan
from fewlabels.run.prepare import prepare
from fewlabels.tasks.classify import task
from fewlabels.training.machine import make_deterministic, pick_device

LABELS = (2, 5, 10, 25)
"""Labels per class."""
SETS: dict[str, dict[str, Any]] = {
    "cub50": {},
    "tiny_imagenet20": {
        "image_size": 112,
        "skip_bad": True,
        "weights": "imagenet",
        "backbone": "tf_efficientnet_lite0",
    },
    "cifar10": {},
    "cub50, mobilenetv2": {"backbone": "mobilenetv2_100", "weights": "mobilenetv2_100_imagenet.safetensors"},
}
"""Options of each data set that differ from the defaults; the folder is what stands before the comma."""
POOL = 3000
"""Training images that are used, the first of a fixed order, so that a cell takes seconds."""
CIFAR_TEST = 2000


class Data(NamedTuple):
    """A data set with features of all its images."""

    dataset: Dataset
    features: torch.Tensor


class Cell(NamedTuple):
    """One draw of labels, as arrays: the pool, the given labels and the test images."""

    pool: PoolFeatures
    given: Given
    test: PoolFeatures
    test_labels: np.ndarray


def read(name: str, root: Path, weights: Path) -> Data:
    """Read a data set and embed its images."""
    folder, changes = root / name.split(",")[0], dict(SETS[name])
    if str(changes.get("weights", "")).endswith(".safetensors"):
        changes["weights"] = str(weights / changes["weights"])
    options = TrainOptions(
        data=str(folder), labels=str(folder / "annotations.csv"), method="linear-probe", task="classify", out="-",
        root=str(root), precision="fp32", layout="channels_last",
    ).replaced(changes)  # fmt: skip
    dataset, device = cifar10(root) if name == "cifar10" else task.read(options), pick_device("cpu")
    experiment = prepare(make_plan(options, task, dataset, device, torch.get_num_threads(), print), dataset, device)
    found = features(experiment.method.model, experiment.trunk.plain(torch.arange(len(dataset))))
    return Data(dataset, found)


def cifar10(root: Path) -> Dataset:
    """Read the first training and test images of CIFAR-10."""
    arrays = np.load(root / "cifar10.npz")
    pixels = np.concatenate([arrays["x_train"][:POOL], arrays["x_test"][:CIFAR_TEST]])
    labels = np.concatenate([arrays["y_train"][:POOL], arrays["y_test"][:CIFAR_TEST]]).astype(np.int64).ravel()
    splits = np.repeat(np.array([TRAIN, TEST], np.int8), [POOL, CIFAR_TEST])
    paths = tuple(map(str, range(len(labels))))
    return Dataset("cifar10", tuple("0123456789"), paths, splits, labels, ArrayImages(pixels), "horizontal")


def draw(data: Data, per_class: int, seed: int) -> Cell:
    """Draw the labels of a cell as a run with ``--num-labels`` does."""
    dataset = data.dataset
    split = draw_split(dataset, seed, num_labels=per_class * len(dataset.classes))
    some = np.random.default_rng(0).permutation(split.pool)[:POOL]
    rows, test = np.union1d(some, split.labelled), np.union1d(split.test, split.val)
    classes = len(dataset.classes)
    given = Given(np.searchsorted(rows, split.labelled), dataset.labels[split.labelled])
    pool, held = PoolFeatures(data.features[rows], classes), PoolFeatures(data.features[test], classes)
    return Cell(pool, given, held, dataset.labels[test])


def expert(cell: Cell) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Give what an expert tries with scikit-learn alone: a name, and a function that predicts the test images."""
    unit, test, (rows, labels) = cell.pool.unit, cell.test.unit, cell.given
    partial = np.full(len(unit), -1)
    partial[rows] = labels
    regression = LogisticRegression(C=10.0, max_iter=2000)
    yield "sklearn logistic regression", lambda: regression.fit(unit[rows], labels).predict(test)
    yield "sklearn k-nearest neighbours", lambda: KNeighborsClassifier(1).fit(unit[rows], labels).predict(test)
    spreading = LabelSpreading(kernel="knn", n_neighbors=7, alpha=0.8, max_iter=100)
    yield "sklearn LabelSpreading", lambda: spreading.fit(unit, partial).predict(test)
    training = SelfTrainingClassifier(LogisticRegression(C=10.0, max_iter=300), threshold=0.75, max_iter=5)
    yield "sklearn SelfTrainingClassifier", lambda: training.fit(unit, partial).predict(test)


def ours(cell: Cell) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Give our heads, then the choice among them: a name, and a function that returns the logits of the test images."""
    classes = cell.pool.num_classes

    def logits(method: str, parameters: dict[str, Any]) -> np.ndarray:
        head = next(h for h in HEADS if (h.method, h.parameters) == (method, parameters))
        test = PoolFeatures(cell.test.raw, classes, reference=cell.pool)
        return head.fit(cell.pool, cell.given).logits(head.scaled(test))

    def chosen() -> np.ndarray:
        best = best_trial(try_heads(cell.pool, cell.given, FOLDS, seed=0), len(cell.given.labels))
        return logits(best.method, best.parameters)

    for head in HEADS:
        yield candidate_key(head.method, head.parameters), lambda head=head: logits(head.method, head.parameters)
    yield "auto", chosen


def measure(cell: Cell, about: dict[str, Any], done: set[tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    """Compute the missing rows of a cell."""
    for name, predict in expert(cell):
        if key({**about, "row": name}) not in done:
            begin = time.monotonic()
            accuracy = float((predict() == cell.test_labels).mean())
            yield {**about, "row": name, "accuracy": accuracy, "seconds": round(time.monotonic() - begin, 2)}
    for name, compute in ours(cell):
        if key({**about, "row": name}) not in done:
            begin = time.monotonic()
            found = compute()
            seconds = round(time.monotonic() - begin, 2)
            accuracy = float((found.argmax(1) == cell.test_labels).mean())
            loss = log_loss_at_best_temperature(found, cell.test_labels)
            yield {**about, "row": name, "accuracy": accuracy, "log_loss": loss, "seconds": seconds}


def key(record: dict[str, Any]) -> tuple[str, ...]:
    """Return what identifies a record."""
    return tuple(str(record[name]) for name in ("set", "labels", "draw", "row"))


def load(out: Path) -> list[dict[str, Any]]:
    """Read the records of a file."""
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def run(args: argparse.Namespace) -> None:
    """Measure every missing cell."""
    warnings.filterwarnings("ignore", category=UserWarning)
    done = {key(record) for record in load(args.out)}
    for name in args.sets:
        data = read(name, args.root, args.weights)
        for per_class in args.labels:
            for number in range(args.draws):
                about = {"set": name, "labels": per_class, "draw": number}
                for record in measure(draw(data, per_class, number), about, done):
                    with args.out.open("a") as file:
                        file.write(json.dumps(record) + "\n")
                    print(record, flush=True)


def means(records: list[dict[str, Any]], value: str) -> dict[tuple[str, int, str], tuple[float, float]]:
    """Return mean and deviation over the draws by (set, labels, row)."""
    found = defaultdict(list)
    for record in records:
        if value in record:
            found[record["set"], record["labels"], record["row"]].append(record[value])
    return {cell: (float(np.mean(values)), float(np.std(values))) for cell, values in found.items()}


def table(records: list[dict[str, Any]]) -> str:
    """Return accuracies in percent as Markdown."""
    found = means(records, "accuracy")
    columns = sorted({(name, labels) for name, labels, _ in found})
    lines = [
        "| | " + " | ".join(f"{name}, {labels}" for name, labels in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for row in dict.fromkeys(row for _, _, row in found):
        cells = [found.get((*column, row)) for column in columns]
        text = ["" if one is None else f"{100 * one[0]:.1f} +- {100 * one[1]:.1f}" for one in cells]
        lines.append(f"| {row} | " + " | ".join(text) + " |")
    return "\n".join(lines)


def write_evidence(records: list[dict[str, Any]]) -> None:
    """Rewrite the package's table of heads: mean log-loss minus that of linear-probe."""
    found = means(records, "log_loss")
    names = sorted({row for _, _, row in found} - {"auto"})
    labels = sorted({labels for _, labels, _ in found})

    def value(row: str, count: int) -> float:
        sets = [name for name, budget, other in found if (budget, other) == (count, row)]
        return round(float(np.mean([found[s, count, row][0] - found[s, count, "linear-probe"][0] for s in sets])), 4)

    content = json.loads(FILE.read_text(encoding="utf-8"))
    content["heads"] = {
        "labels_per_class": labels, "log_loss": {name: [value(name, count) for count in labels] for name in names}
    }  # fmt: skip
    FILE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("."))
    parser.add_argument("--weights", type=Path, default=Path("."), help="folder of weight files")
    parser.add_argument("--out", type=Path, default=Path("few-labels.jsonl"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["cub50", "tiny_imagenet20"])
    parser.add_argument("--labels", nargs="+", type=int, default=LABELS)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--evidence", action="store_true")
    args = parser.parse_args()
    make_deterministic(args.threads)
    if args.table:
        print(table(load(args.out)))
    elif args.evidence:
        write_evidence(load(args.out))
    else:
        run(args)


if __name__ == "__main__":
    main()
