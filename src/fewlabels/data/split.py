"""Draw the labels that a run may use: once, saved with the run, and never again."""

from dataclasses import dataclass

import numpy as np

from fewlabels.data.dataset import SPLITS, TEST, TRAIN, UNLABELLED, VAL, Dataset
from fewlabels.errors import UserError
from fewlabels.randomness import key_of, permutation


@dataclass(frozen=True)
class LabelSplit:
    """Row numbers of a data set, int64, sorted. Hidden labels stay in the data set, for evaluation alone."""

    labelled: np.ndarray
    """The images whose labels training uses."""
    given: np.ndarray
    """The labels that training sees, in the form of ``Dataset.labels``: in task ``classify`` (N,) int64, class or
    UNLABELLED; in task ``multilabel`` (N, K) int8 marks. Those of validation and test images are missing."""
    pool: np.ndarray
    """The images that unlabelled batches are drawn from: all training images, or those without a label; none that
    ``Dataset.labelable`` marks."""
    val: np.ndarray
    test: np.ndarray

    @property
    def unlabelled(self) -> np.ndarray:
        """The images of the pool whose labels training does not see."""
        return np.setdiff1d(self.pool, self.labelled)


def split_names(dataset: Dataset, split: LabelSplit) -> list[str]:
    """Return the split of each image in this run; validation images may have been taken from the training images."""
    names = [SPLITS[s] for s in dataset.splits]
    for row in split.val:
        names[row] = "val"
    return names


def draw_split(
    dataset: Dataset,
    seed: int,
    num_labels: int | None = None,
    label_fraction: float | None = None,
    val_fraction: float = 0.0,
    pool: str = "all",
) -> LabelSplit:
    """Draw the labelled images class by class, and a validation part of them where one is asked for.

    Where ``dataset.labelable`` marks images, only these are labelled and the pool is the other training images, also
    with ``pool`` "all".

    Args:
        dataset: with one class per image.
        seed: of the draw.
        num_labels: labelled images in total, as equal per class as possible. None: see ``label_fraction``.
        label_fraction: the share of the labelled images of each class, at least one. None: all.
        val_fraction: the share of the drawn images that becomes the validation part.
        pool: "all" training images, or the "unlabelled" ones.

    Raises:
        UserError: there are too few labels or classes, or none of a class is left for training.
    """
    train = dataset.rows(TRAIN)
    candidates, streamed = train, train
    if dataset.labelable is not None:
        candidates, streamed = train[dataset.labelable[train]], train[~dataset.labelable[train]]
    by_class = _by_class(dataset, candidates)
    wanted = _wanted([len(rows) for rows in by_class], dataset, num_labels, label_fraction)
    chosen = [_shuffled(rows, seed, c)[:n] for c, (rows, n) in enumerate(zip(by_class, wanted, strict=True))]
    held = [round(val_fraction * len(rows)) for rows in chosen]
    if any(n and n == len(rows) for n, rows in zip(held, chosen, strict=True)):
        raise UserError(f"--val-fraction {val_fraction} leaves a class without a labelled image; give less, or 0")
    val = np.sort(np.concatenate([dataset.rows(VAL), *(rows[:n] for rows, n in zip(chosen, held, strict=True))]))
    labelled = np.sort(np.concatenate([rows[n:] for rows, n in zip(chosen, held, strict=True)]))
    unlabelled = np.setdiff1d(streamed, val if pool == "all" else np.union1d(labelled, val))
    given = np.full(len(dataset), UNLABELLED)
    given[labelled] = dataset.labels[labelled]
    return LabelSplit(labelled, given, unlabelled, val, dataset.rows(TEST))


def _shuffled(rows: np.ndarray, seed: int, of_class: int) -> np.ndarray:
    """Shuffle the labelled images of one class."""
    return rows[permutation(key_of(seed, "labels", of_class), len(rows)).numpy()]


def _by_class(dataset: Dataset, rows: np.ndarray) -> list[np.ndarray]:
    """Return those of the rows that have a label, class by class."""
    known = rows[dataset.labels[rows] != UNLABELLED]
    by_class = [known[dataset.labels[known] == c] for c in range(len(dataset.classes))]
    if sum(len(of_class) > 0 for of_class in by_class) < 2:
        raise UserError(f"{dataset.name}: a classifier needs labelled images of at least two classes; label some")
    return by_class


def _wanted(have: list[int], dataset: Dataset, num_labels: int | None, fraction: float | None) -> list[int]:
    """Return the number of labels of each class: all, a share of each (at least one), or equal numbers."""
    if fraction is not None:
        return [max(1, round(fraction * n)) if n else 0 for n in have]
    if num_labels is None:
        return have
    present = [c for c, n in enumerate(have) if n]
    if num_labels < len(present):
        raise UserError(
            f"--num-labels {num_labels} is less than the {len(present)} classes of {dataset.name}; give one each"
        )
    if num_labels > sum(have):
        raise UserError(f"--num-labels {num_labels} is more than the {sum(have)} labels of {dataset.name}; give fewer")
    wanted = [0] * len(have)
    for _ in range(num_labels):  # one by one: equal numbers where there are enough, never more than there are
        open_classes = [c for c in present if wanted[c] < have[c]]
        wanted[min(open_classes, key=lambda c: (wanted[c], c))] += 1
    return wanted
