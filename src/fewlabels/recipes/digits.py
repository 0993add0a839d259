"""Every method on the embedded digits with 20 labels: which methods learn from the unlabelled images?"""

from pathlib import Path

from fewlabels.methods.catalogue import load_method, method_names
from fewlabels.recipes.table import PaperTable, grid

_STEPS = 800
_VARIANTS = {
    f"{name}, labelled weight 50": {"method": name, "parameters": {"labelled_weight": 50.0}}
    for name in ("curriculum-labeling", "dmt", "pseudo-label-epochs")
} | {
    "attention-fixmatch, learning rate 0.003": {"method": "attention-fixmatch", "lr": 0.003},
    "fixmatch, aligned": {"method": "fixmatch", "parameters": {"align": True}},
}
"""Settings that differ from the papers'."""


def table(root: Path) -> PaperTable:
    """Return the table; no paper has it."""
    names = sorted((name for name in method_names() if load_method(name).trains), key=lambda name: name != "supervised")
    rows = {name: {"method": name} for name in names} | _VARIANTS
    return PaperTable(
        title="Digits: accuracy of each method with 1328 unlabelled images",
        about=f"scikit-learn's digits, 20 labels, {_STEPS} steps of `small_cnn` on one thread, every method with its "
        "paper's parameters. `supervised` uses the labels alone. Three methods train on the union of labelled and "
        "pseudo-labelled images, in which 20 labels have little weight; they are also run with a larger weight. The "
        "learning rate 0.003 of attention-fixmatch is that of its code.",
        cells=grid(
            rows, {"20 labels": {"num_labels": 20}}, {}, data="digits", steps=_STEPS, threads=1,
            root=str(root),
        ),
    )  # fmt: skip
