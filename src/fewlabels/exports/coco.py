"""COCO: images, categories, and a box per image with its score.

The fields are those of COCO's object detection annotations and results (https://cocodataset.org/#format-data). There a
box is [x, y, width, height] in pixels of the file as it is stored, and so are the image's width and height.
"""

import json
from typing import Any

from fewlabels.data.pixels.frames import frames
from fewlabels.errors import UserError, nearest
from fewlabels.exports.boxes import stored_boxes
from fewlabels.exports.run_labels import RunLabels, SourceImages


def coco(found: RunLabels, images: SourceImages) -> str:
    """The JSON text; categories have the order of the classes, and ids begin with 1.

    Raises:
        UserError: where the data no longer have a class of the run.
    """
    sizes = frames(images.dataset, images.rows).sizes.tolist()
    classes = images.dataset.classes
    pictures = [
        {"id": number, "file_name": name, "width": width, "height": height}
        for number, (name, (width, height)) in enumerate(zip(images.names, sizes, strict=True), 1)
    ]
    boxes = stored_boxes(found.rows).tolist()
    annotations = [
        {
            "id": number, "image_id": number, "category_id": _category(row["label"], classes, found),
            **_extent(*box), "segmentation": [], "iscrowd": 0, "score": float(row["confidence"]),
        }
        for number, (row, box) in enumerate(zip(found.rows, boxes, strict=True), 1)
    ]  # fmt: skip
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    about = {"description": f"boxes found by {found.run.resolve().name}"}
    whole = {"info": about, "images": pictures, "categories": categories, "annotations": annotations}
    return json.dumps(whole, indent=1, allow_nan=False) + "\n"


def _extent(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    """To a hundredth, as the ledger has the corners."""
    width, height = round(x1 - x0, 2), round(y1 - y0, 2)
    return {"bbox": [x0, y0, width, height], "area": round(width * height, 4)}


def _category(label: str, classes: tuple[str, ...], found: RunLabels) -> int:
    if label not in classes:
        raise UserError(f"the data no longer have class '{label}' of {found.run}; {nearest(label, classes)}")
    return classes.index(label) + 1
