"""PEPL, Table I: PEPL, FreeMatch and labels alone with all layers trained, shortened for two cores."""

from pathlib import Path

from fewlabels.recipes.pepl_cub50 import PEPL_TABLE_1, cub50_options
from fewlabels.recipes.table import PaperTable, grid


def table(root: Path) -> PaperTable:
    """Return the table with one draw at 20 % of the labels."""
    names = {"supervised": "supervised", "FreeMatch": "freematch", "PEPL": "pepl"}
    rows = {row: {"method": method} for row, method in names.items()}
    paper = {row: (PEPL_TABLE_1[row][1],) for row in names}
    return PaperTable(
        title="PEPL, Table I: CUB-200-2011, its first 50 classes, all layers trained",
        about="Shortened: MobileNetV2 from ImageNet weights at 128 px, 600 steps of 8 labelled and 56 unlabelled "
        "images, one draw (the paper: ResNet-50, 200 classes, 448 px, 200 epochs of 16 + 112).",
        cells=grid(rows, {"20% labels": {"label_fraction": 0.2}}, paper, freeze=False, image_size=128, steps=600,
                   batch_size=8, **cub50_options(root)),
        draws=1,
    )  # fmt: skip
