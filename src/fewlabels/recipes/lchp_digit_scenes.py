"""LCHP on the embedded digit scenes: are the boxes of each stage better than those of the stage before?"""

from pathlib import Path

from fewlabels.recipes.table import PaperTable, grid


def table(root: Path) -> PaperTable:
    """Return the table; no paper has it."""
    first = {"steps": 3750}
    return PaperTable(
        title="LCHP on digit scenes: boxes from class labels",
        about="1500 scenes of 64 px with one digit each and its class, without boxes; 500 test scenes; the defaults of "
        "`fewlabels train` on one thread. LCHP-R is the default, 5000 steps, of which the last 1250 refine; the rows "
        "above it have the steps of its first stage. PSOL's features are those of the classifier after half of the "
        "run, because there are no pretrained weights. A centred box of half of each side has a GT-Known of 8.0, one "
        "of 80 % has 0.",
        cells=grid(
            {
                "CAM": {"method": "cam", **first},
                "LayerCAM": {"method": "layer-cam", **first},
                "PSOL": {"method": "psol", "parameters": {"features": "trained"}},
                "Pseudo Label": {"method": "lchp", "parameters": {"stage": "pseudo-label"}, **first},
                "LCHP-I": {"method": "lchp", "parameters": {"stage": "initialise"}, **first},
                "LCHP-R": {"method": "lchp"},
                "LCHP-R, teacher frozen": {"method": "lchp", "parameters": {"teacher": "frozen"}},
            },
            {"one digit": {}}, {}, data="digit-scenes", task="localize", threads=1, root=str(root),
        ),
        metric="gt_known",
        also=("top1_loc", "accuracy"),
    )  # fmt: skip
