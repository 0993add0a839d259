"""Label Studio: a labelling task for each image, with the labels that the run found as a prediction to correct.

The fields are those of its pre-annotations (https://labelstud.io/guide/predictions): a choice, or a rectangle in
percent of the image as the browser shows it, which is upright.
"""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from fewlabels.data.dataset import FileImages
from fewlabels.data.pixels.frames import frames
from fewlabels.exports.run_labels import RunLabels
from fewlabels.exports.source_images import SourceImages, stored_boxes

_TAGS = {"from_name": "label", "to_name": "image"}
"""Names of the tags in the project's labelling configuration, see ``docs/label.md``."""


def label_studio(found: RunLabels, source: SourceImages) -> str:
    """Return the JSON text; the score of an image is the confidence of its labels.

    Raises:
        UserError: if the images are not files, or one can no longer be opened.
    """
    files = source.files("Label Studio opens files")
    model = found.run.resolve().name
    results = _results(found, source, files)
    tasks = [
        {
            "data": {"image": task_address(files, name)},
            "predictions": [{"model_version": model, "score": image.confidence, "result": result}],
        }
        for name, image, result in zip(source.names, found.images, results, strict=True)
    ]
    return json.dumps(tasks, indent=1, allow_nan=False) + "\n"


def empty_tasks(files: FileImages, names: Sequence[str]) -> str:
    """Return the JSON text of tasks without predictions, for images to label."""
    tasks = [{"data": {"image": task_address(files, name)}} for name in names]
    return json.dumps(tasks, indent=1) + "\n"


def task_address(files: FileImages, name: str) -> str:
    """Return the address from a Label Studio whose document root holds the folder of the images."""
    return f"/data/local-files/?d={quote(f'{files.root.resolve().name}/{name}'.lstrip('/'))}"


def _results(found: RunLabels, source: SourceImages, files: FileImages) -> list[list[dict[str, Any]]]:
    """Return the rectangle or the choice of each image; nothing for an image that shows none of the classes."""
    if not any(image.box for image in found.images):
        return [[_choices(image.classes)] if image.classes else [] for image in found.images]
    upright = frames(source.dataset, source.rows).to_upright(stored_boxes(found), np.arange(len(source.rows)))
    corners = (100 * upright.clip(0, 1)).round(4).tolist()
    sizes = files.sizes[source.rows].tolist()
    return [
        [_rectangle(image.classes, *box, *size)]
        for image, box, size in zip(found.images, corners, sizes, strict=True)
    ]  # fmt: skip


def _choices(names: tuple[str, ...]) -> dict[str, Any]:
    return {"id": "found", "type": "choices", **_TAGS, "value": {"choices": [*names]}}


def _rectangle(
    names: tuple[str, ...], x0: float, y0: float, x1: float, y1: float, width: int, height: int
) -> dict[str, Any]:
    extent = {"x": x0, "y": y0, "width": round(x1 - x0, 4), "height": round(y1 - y0, 4), "rotation": 0}
    return {
        "id": "found", "type": "rectanglelabels", **_TAGS, "original_width": width, "original_height": height,
        "image_rotation": 0, "value": {**extent, "rectanglelabels": [*names]},
    }  # fmt: skip
