"""PEPL's table on the first 50 classes of CUB-200-2011, a frozen MobileNetV2 instead of a trained ResNet-50."""

from pathlib import Path
from typing import Any

from fewlabels.recipes.table import PaperTable, grid

PAPER = {
    "supervised": (28.61, 51.87, 65.77),
    "Pseudo-Label": (32.71, 54.42, 68.93),
    "FlexMatch": (30.61, 55.71, 70.15),
    "FreeMatch": (30.78, 56.68, 67.62),
    "PEPL": (38.53, 64.60, 76.97),
}
"""PaperTable I, CUB-200-2011: ResNet-50, all 200 classes, 448 px, 200 epochs."""
WEIGHTS = "weights/mobilenetv2_100_imagenet.safetensors"


def data(root: Path) -> dict[str, Any]:
    """ROOT/cub50 holds images/ and annotations.csv; its boxes are not read."""
    return {
        "data": str(root / "cub50"), "labels": str(root / "cub50" / "annotations.csv"), "root": str(root),
        "weights": str(root / WEIGHTS),
    }  # fmt: skip


def table(root: Path) -> PaperTable:
    """All rows with a frozen trunk, which two cores can do."""
    rows = {
        "linear probe": {"method": "linear-probe"},
        "supervised": {"method": "supervised"},
        "Pseudo-Label": {"method": "pseudo-label"},
        "FlexMatch": {"method": "flexmatch"},
        "FlexMatch, no warm-up": {"method": "flexmatch", "parameters": {"warmup": False}},
        "FreeMatch": {"method": "freematch"},
        "PEPL, 300 steps": {"method": "pepl", "batch_size": 8, "steps": 300},
        "FreeMatch, aligned (ours)": {"method": "freematch", "parameters": {"align": True}},
    }
    columns = {f"{share:.0%} labels": {"label_fraction": share} for share in (0.1, 0.2, 0.3)}
    return PaperTable(
        title="PEPL, PaperTable I: CUB-200-2011, its first 50 classes, frozen trunk",
        about="The paper trains a ResNet-50 on all 200 classes at 448 px for 200 epochs; its figures in brackets are "
        "of that harder task. Ours keep an ImageNet MobileNetV2 fixed (`--freeze`, 224 px) and train its head. "
        "PEPL mixes pixels, so every step passes through the trunk: its runs are shortened to 300 steps of "
        "8 + 56 images.",
        cells=grid(rows, columns, PAPER | {"PEPL, 300 steps": PAPER["PEPL"]}, freeze=True, **data(root)),
    )
