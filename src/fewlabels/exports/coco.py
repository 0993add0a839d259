"""COCO: images, categories, and a box with its score for each image.

The fields are those of COCO's object detection annotations and results (https://cocodataset.org/#format-data). A box is
[x, y, width, height] in pixels of the file as it is stored, and so are the width and height of an image.
"""

import json
from typing import Any

from fewlabels.data.pixels.frames import frames
from fewlabels.errors import UserError, nearest
from fewlabels.exports.run_labels import RunLabels
from fewlabels.exports.source_images import SourceImages, stored_boxes


def coco(found: RunLabels, source: SourceImages) -> str:
    """Return the JSON text; categories are in the order of the classes, and ids begin with 1.

    Raises:
        UserError: if the data no longer have a class of the run.
    """
    sizes = frames(source.dataset, source.rows).sizes.tolist()
    classes = source.dataset.classes
    images = [
        {"id": number, "file_name": name, "width": width, "height": height}
        for number, (name, (width, height)) in enumerate(zip(source.names, sizes, strict=True), 1)
    ]
    annotations = [
        {
            "id": number, "image_id": number, "category_id": _category(image.classes[0], classes, found),
            **_extent(*box), "segmentation": [], "iscrowd": 0, "score": image.confidence,
        }
        for number, (image, box) in enumerate(zip(found.images, stored_boxes(found).tolist(), strict=True), 1)
    ]  # fmt: skip
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    info = {"description": f"boxes found by {found.run.resolve().name}"}
    content = {"info": info, "images": images, "categories": categories, "annotations": annotations}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _extent(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    """Return box and area, rounded to a hundredth of a pixel like the corners in the ledger."""
    width, height = round(x1 - x0, 2), round(y1 - y0, 2)
    return {"bbox": [x0, y0, width, height], "area": round(width * height, 4)}


def _category(label: str, classes: tuple[str, ...], found: RunLabels) -> int:
    if label not in classes:
        raise UserError(f"the data no longer have class '{label}' of {found.run}; {nearest(label, classes)}")
    return classes.index(label) + 1
