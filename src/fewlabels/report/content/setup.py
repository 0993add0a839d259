"""The setup of a run: method, data, network, training, and the whole configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fewlabels.report.content.blocks import Block, Code, Facts, Folded, Paragraph, Section, Table, charts, filled
from fewlabels.report.face import Face
from fewlabels.report.words import format_duration, plural

_WEIGHTS = {"none": "random weights", "imagenet": "ImageNet weights"}


def setup(face: Face[Any]) -> Section:
    """Return the method and its idea, the facts, and the label counts."""
    method = face.run.method
    about = [
        Paragraph(method_name(face), "method"),
        *([Paragraph(method.idea)] if method.idea else []),
        *([Paragraph(method.paper, "paper")] if method.paper else []),
    ]
    return Section("Setup", [*about, Facts(list(_facts(face).items())), *filled(charts(*face.count_charts()))])


def method_name(face: Face[Any]) -> str:
    """Return the name of the method as its paper writes it, else as in the configuration."""
    method = face.run.config.get("method")
    return face.run.method.title or (method if isinstance(method, str) else face.run.name)


def _facts(face: Face[Any]) -> dict[str, str]:
    """Return name and value of what is known."""
    metrics = face.run.metrics
    seeds = [str(value) for name in ("seed", "label_seed") if (value := face.setting(name)) is not None]
    facts = {
        "Data": str(face.setting("data") or ""),
        "Classes": f"{len(face.run.classes):,}" if face.run.classes else "",
        "Labels given": face.labels_given(),
        **face.facts(),
        "Network": _network(face),
        "Weights": "; ".join(face.run.weights_notes),
        "Confidences": _confidences(metrics.get("calibration")),
        "Training": _training(metrics.get("train") or {}),
        "Validation": _validation(metrics.get("val")),
        "Seed": ", labels drawn with seed ".join(seeds),
    }
    return {name: value for name, value in facts.items() if value}


def _network(face: Face[Any]) -> str:
    """Return the backbone, its initial weights, and which layers were trained."""
    name, weights = face.setting("backbone"), face.setting("weights")
    if name is None:
        return ""
    if weights is None:
        return str(name)
    initial = _WEIGHTS.get(weights, Path(str(weights)).name)
    return f"{name}, from {initial}, {'backbone frozen' if face.setting('freeze') else 'all layers trained'}"


def _confidences(calibration: Mapping[str, Any] | None) -> str:
    """Return whether confidences are calibrated, and by what; nothing for runs of earlier versions."""
    if not calibration:
        return ""
    if calibration.get("source") == "nothing":
        return (
            "as the network gives them, not calibrated: that takes validation images (--val-fraction) or a method that "
            "fits a head to fixed features"
        )
    what = {"held-out labels": "labels that the head had not seen", "validation images": "validation images"}
    return (
        f"calibrated with temperature {calibration['temperature']:.3g}, fitted on {calibration['num_images']} "
        f"{what.get(calibration['source'], calibration['source'])}"
    )


def _validation(figures: Mapping[str, Any] | None) -> str:
    if not figures:
        return "no validation split, so nothing was selected: the last averaged model is used"
    return plural(figures["num_images"], "image") if figures.get("num_images") else "a separate split"


def _training(train: Mapping[str, Any]) -> str:
    pieces = []
    if train.get("steps") is not None:
        pieces.append(plural(int(train["steps"]), "step"))
    if train.get("seconds") is not None:
        pieces.append(format_duration(float(train["seconds"])))
    if train.get("images_per_second"):  # 0 for a method without steps
        pieces.append(f"{float(train['images_per_second']):,.0f} images per second")
    return ", ".join(pieces)


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted names."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def configuration(face: Face[Any]) -> Section:
    """Return all settings, folded."""
    rows = [(key, Code(str(value))) for key, value in flat(face.run.config).items()]
    table = Table("config.yaml", ("setting", "value"), rows)
    blocks: list[Block] = [Folded(f"All {len(rows)} settings", [table])] if rows else []
    return Section("Configuration", blocks)
