"""Label Studio: a task per image, with what the run found as a prediction for a person to correct.

The fields are those of its pre-annotations (https://labelstud.io/guide/predictions): a choice or a rectangle, this in
percent of the image as the browser shows it, which is upright.
"""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from fewlabels.data.dataset import FileImages
from fewlabels.data.pixels.frames import frames
from fewlabels.exports.boxes import stored_boxes
from fewlabels.exports.run_labels import LedgerRow, RunLabels, SourceImages

_PLACE = {"from_name": "label", "to_name": "image"}
"""Names of the tags in the project's labelling configuration: ``docs/label.md`` shows it."""


def label_studio(found: RunLabels, images: SourceImages) -> str:
    """The JSON text: the score is the confidence, of several classes the least of those that were not given.

    Raises:
        UserError: where the images are not files, or one can no longer be opened.
    """
    files = images.files("Label Studio opens files")
    predictions = _predictions(found, images, files)
    tasks = [
        {"data": {"image": _address(files, name)}, "predictions": [{"model_version": found.run.resolve().name, **said}]}
        for name, said in zip(images.names, predictions, strict=True)
    ]
    return json.dumps(tasks, indent=1, allow_nan=False) + "\n"


def _address(files: FileImages, name: str) -> str:
    """As served by a Label Studio whose document root holds the folder of the images."""
    return f"/data/local-files/?d={quote(f'{files.root.resolve().name}/{name}'.lstrip('/'))}"


def _predictions(found: RunLabels, images: SourceImages, files: FileImages) -> list[dict[str, Any]]:
    """Score and result of each image."""
    if "x0" in found.columns:
        return _rectangles(found.rows, images, files)
    if "class" in found.columns:
        return _several(found)
    return [{"score": float(row["confidence"]), "result": [_choices([row["label"]])]} for row in found.rows]


def _several(found: RunLabels) -> list[dict[str, Any]]:
    """All classes that are present, given or found: the person who corrects an image sees the whole of it."""
    marks: dict[str, list[LedgerRow]] = {path: [] for path in found.paths}
    for row in found.training:
        if row["path"] in marks:
            marks[row["path"]].append(row)
    said = []
    for rows in marks.values():
        present = [row["class"] for row in rows if row["label"] == "1"]
        score = min(float(row["confidence"]) for row in rows if not row["given"])
        said.append({"score": score, "result": [_choices(present)] if present else []})
    return said


def _choices(names: list[str]) -> dict[str, Any]:
    return {"id": "found", "type": "choices", **_PLACE, "value": {"choices": names}}


def _rectangles(rows: Sequence[LedgerRow], images: SourceImages, files: FileImages) -> list[dict[str, Any]]:
    upright = frames(images.dataset, images.rows).to_upright(stored_boxes(rows), np.arange(len(rows)))
    corners = (100 * upright.clip(0, 1)).round(4).tolist()
    sizes = files.sizes[images.rows].tolist()
    return [
        {"score": float(row["confidence"]), "result": [_rectangle(row, *box, *size)]}
        for row, box, size in zip(rows, corners, sizes, strict=True)
    ]


def _rectangle(row: LedgerRow, x0: float, y0: float, x1: float, y1: float, width: int, height: int) -> dict[str, Any]:
    extent = {"x": x0, "y": y0, "width": round(x1 - x0, 4), "height": round(y1 - y0, 4), "rotation": 0}
    return {
        "id": "found", "type": "rectanglelabels", **_PLACE, "original_width": width, "original_height": height,
        "image_rotation": 0, "value": {**extent, "rectanglelabels": [row["label"]]},
    }  # fmt: skip
