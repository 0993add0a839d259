"""Saliency Regularization, Table 2, on a part of Pascal VOC 2007: first the head, then all layers."""

from pathlib import Path
from typing import Any

from fewlabels.recipes.pepl_cub50 import WEIGHTS
from fewlabels.recipes.sr_rows import SR_ROWS
from fewlabels.recipes.sr_voc import FROZEN, KNOWN_PROPORTIONS, SR_TABLE_2, voc_options
from fewlabels.recipes.table import PaperTable, grid

_NAMES = ("BN-BCE", "SR", "SR + CR", "BN-BCE on both views")


def table(root: Path) -> PaperTable:
    """Return the table; ``root`` is as for sr-voc."""
    start: dict[str, Any] = FROZEN | {"weights": str(root / WEIGHTS)}
    return PaperTable(
        title="Saliency Regularization, Table 2, on 1165 photographs of Pascal VOC 2007, all layers trained",
        about="First the head, with the commands of sr-voc, then 400 further steps of 32 images (16 epochs) of all "
        "layers at the default learning rate. The baseline to compare with is the linear probe of sr-voc. Seconds are "
        "those of the second run only.",
        cells=grid(
            {name: SR_ROWS[name] for name in _NAMES}, KNOWN_PROPORTIONS, SR_TABLE_2, start,
            **voc_options(root), steps=400, batch_size=32, freeze=False,
        ),
        metric="mAP",
    )  # fmt: skip
