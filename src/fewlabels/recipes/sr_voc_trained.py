"""Saliency Regularization, PaperTable 2, on a part of Pascal VOC 2007: the head first, then all layers."""

from pathlib import Path
from typing import Any

from fewlabels.recipes.pepl_cub50 import WEIGHTS
from fewlabels.recipes.sr_rows import ROWS
from fewlabels.recipes.sr_voc import FROZEN, PAPER, SHARES, data
from fewlabels.recipes.table import PaperTable, grid

TRAINED = ("BN-BCE", "SR", "SR + CR", "BN-BCE on both views")


def table(root: Path) -> PaperTable:
    """ROOT is as for sr-voc."""
    start: dict[str, Any] = FROZEN | {"weights": str(root / WEIGHTS)}
    return PaperTable(
        title="Saliency Regularization, PaperTable 2, on 1165 photographs of Pascal VOC 2007, all layers trained",
        about="The head first, by the commands of sr-voc, then from there 400 steps of 32 images (16 epochs) of all "
        "layers at the default learning rate. The linear probe of sr-voc is the figure to beat. Seconds are those of "
        "the second run; the first takes some more.",
        cells=grid(
            {name: ROWS[name] for name in TRAINED}, SHARES, PAPER, start,
            **data(root), steps=400, batch_size=32, freeze=False,
        ),
        metric="mAP",
    )  # fmt: skip
