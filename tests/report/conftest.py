"""A run as it might have been on scikit-learn's digits: real images and a real (simple) model, an invented history."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from fewlabels.evaluation.classification import classification_metrics, confusion
from fewlabels.report.content.classify import ClassifyContent
from fewlabels.report.content.example import Example
from fewlabels.report.draw.thumbnail import thumbnail
from fewlabels.report.summary import MethodNote, RunSummary


def _split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels, the rows with a label, the test rows."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    pool, test = order[:-360], order[-360:]
    labelled = np.concatenate([pool[digits.target[pool] == k][:4] for k in range(10)])
    return digits.images, digits.target, labelled, test


def _history(final: float, steps: int = 2000) -> list[dict[str, float | None]]:
    rows: list[dict[str, float | None]] = []
    for step in range(0, steps + 1, 100):
        gone = step / steps
        rise = 1 - np.exp(-5 * gone)
        rows.append(
            {
                "step": step,
                "seconds": 0.06 * step,
                "learning_rate": 0.03 * (1 - gone),
                "loss": 2.4 * np.exp(-3 * gone) + 0.2,
                "loss/labelled": 2.3 * np.exp(-4 * gone) + 0.05,
                "loss/unlabelled": 0.15 + 0.1 * np.exp(-3 * gone),
                "share_kept": 0.85 * rise if step else None,
                "pseudo_label_accuracy": 0.9 + 0.08 * gone if step else None,
                "val_accuracy": None,
                "test_accuracy": 0.1 + (final - 0.1) * rise + 0.01 * np.sin(step),
            }
        )
    return rows


def make_summary(name: str = "freematch-digits", strength: float = 100.0) -> RunSummary:
    """A complete run; ``strength`` is the probe's inverse regularisation, so that runs differ."""
    import torch

    images, labels, labelled, test = _split()
    flat = images.reshape(len(images), -1) / 16
    model = LogisticRegression(C=strength, max_iter=1000).fit(flat[labelled], labels[labelled])
    chances = model.predict_proba(flat)
    guess, sure = chances.argmax(1), chances.max(1)
    classes = [str(k) for k in range(10)]

    def example(row: int, given: str | None = None) -> Example:
        pixels = np.uint8(images[row] * 255 / 16)[:, :, None]
        path = f"train/{row:06d}"
        return Example(path, thumbnail(pixels), classes[guess[row]], float(sure[row]), given, classes[labels[row]])

    def ranked(k: int, sign: int) -> list[Example]:
        rows = np.flatnonzero(guess == k)
        return [example(row) for row in rows[np.argsort(sign * sure[rows])][:6]]

    accepted = sure > 0.5
    accepted[labelled] = accepted[test] = False
    metrics = classification_metrics(torch.tensor(chances[test]), torch.tensor(labels[test]))
    return RunSummary(
        name=name,
        task="classify",
        method=MethodNote(
            "FreeMatch",
            "Wang et al., FreeMatch: Self-adaptive Thresholding, ICLR 2023",
            "The prediction on a weakly augmented image becomes the label of a strongly augmented one where it is "
            "confident. The threshold follows the model as it learns, class by class.",
        ),
        config={
            "method": "freematch",
            "data": "digits",
            "num_labels": 40,
            "backbone": "cnn3",
            "seed": 0,
            "label_seed": 0,
            "steps": 2000,
            "parameters": {"threshold_momentum": 0.999, "unlabelled_weight": 1.0, "fairness_weight": 0.01},
            "versions": {"torch": "2.14.1", "fewlabels": "0.1.0"},
        },
        metrics={
            "test": metrics,
            "train": {"steps": 2000, "seconds": 118.2, "images_per_second": 2710.0, "num_unlabelled": 1397},
        },
        history=_history(float(metrics["accuracy"])),
        classes=classes,
        own=ClassifyContent(
            confusion=confusion(torch.tensor(guess[test]), torch.tensor(labels[test]), 10),
            label_counts={name: int((labels[labelled] == k).sum()) for k, name in enumerate(classes)},
            pseudo_counts={name: int((accepted & (guess == k)).sum()) for k, name in enumerate(classes)},
            most_confident={name: ranked(k, -1) for k, name in enumerate(classes)},
            least_confident={name: ranked(k, 1) for k, name in enumerate(classes)},
            doubted=[example(row, given=classes[(guess[row] + 1) % 10]) for row in labelled[::9]],
            pool_includes_labelled=True,
        ),
        notes=[
            "The labels were drawn at random, four of each class; another draw may move the figure by a few points."
        ],
    )


@pytest.fixture(scope="session")
def summary() -> RunSummary:
    return make_summary()


@pytest.fixture(scope="session")
def other() -> RunSummary:
    return make_summary("labels-alone", strength=0.001)
