"""What a run came to, in a sentence or two."""

import json
from pathlib import Path

from fewlabels.errors import UserError


def verdict(run: Path) -> str:
    """Boxes that are right, accuracy with its interval, or mAP, and where to look."""
    metrics = _metrics(run / "metrics.json")
    lines = [
        f"{100 * figures['gt_known']:.1f} % of the boxes of {figures['num_boxed']} {name} images are right (GT-Known)"
        for name in ("test", "val")
        if (figures := metrics.get(name, {})).get("gt_known") is not None
    ]
    lines += [
        f"mAP {100 * figures['mAP']:.1f} % on {figures['num_images']} {name} images"
        for name in ("test", "val")
        if (figures := metrics.get(name, {})).get("mAP") is not None
    ]
    test = metrics.get("test", {})
    if "accuracy" in test:
        lines.append(_accuracy(test, f"of {test['num_images']} test images are right"))
    elif estimate := metrics.get("cross_fit"):
        lines.append(
            _accuracy(estimate, "is the accuracy by cross-fitting on the labelled images; there is no test split")
        )
    if unlabelled := metrics.get("unlabelled"):
        lines.append(
            _accuracy(unlabelled, f"of {unlabelled['num_images']} unlabelled images with a hidden label are right")
        )
    return "\n".join([*lines, f"{run / 'labels.csv'}: the label of every image", f"{run / 'report.html'}: the report"])


def _metrics(file: Path) -> dict:
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
        if all(isinstance(figures, dict) for figures in metrics.values()):
            return metrics
    except (OSError, ValueError, AttributeError):
        pass
    raise UserError(f"{file} is missing or holds no figures; delete it and train with --resume")


def _accuracy(figures: dict, what: str) -> str:
    low, high = (100 * figures[f"accuracy_{end}"] for end in ("low", "high"))
    return f"{100 * figures['accuracy']:.1f} % {what} (95 % interval {low:.1f} to {high:.1f})"
