"""LCHP, Table 1, on the first 50 classes of CUB-200-2011."""

from pathlib import Path

from fewlabels.recipes.localize_rows import rows
from fewlabels.recipes.pepl_cub50 import data
from fewlabels.recipes.table import Table, grid

PAPER = {"CAM": (None,), "Pseudo Label": (72.44,), "LCHP-I": (87.12,), "LCHP-R": (94.36,), "PSOL": (92.54,)}
"""Tables 1 and 3: all 200 classes, Inception-V3 at 448 px, PSOL with DenseNet-161."""


def table(root: Path) -> Table:
    """ROOT/cub50 holds images/ and annotations.csv with classes and boxes."""
    return Table(
        title="LCHP, Table 1: boxes on CUB-200-2011, its first 50 classes",
        about="1500 training images with their class, no boxes; 1389 test images. MobileNetV2 from ImageNet weights at "
        "128 px, all layers trained, 10 epochs of 47 steps of 32 images, for LCHP-R 10 + 10 (the paper: Inception-V3, "
        "200 classes, 448 px, 40 + 40 epochs). Without any training: a centred box of 80 % of each side has a GT-Known "
        "of 44.7, one of half the area 54.3, the whole image 20.9.",
        cells=grid(
            rows(47, {}), {"CUB, 50 classes": {}}, PAPER, task="localize", freeze=False, image_size=128, batch_size=32,
            **data(root),
        ),
        metric="gt_known",
        also=("top1_loc",),
    )  # fmt: skip
