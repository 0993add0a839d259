"""Every method on the embedded digits with 20 labels: does it learn from the unlabelled images?"""

from pathlib import Path

from fewlabels.methods.catalogue import load_method, method_names
from fewlabels.recipes.table import PaperTable, grid

STEPS = 800
OURS = {
    f"{name}, labelled images count 50": {"method": name, "parameters": {"labelled_weight": 50.0}}
    for name in ("curriculum-labeling", "dmt", "pseudo-label-epochs")
} | {
    "attention-fixmatch, --lr 0.003 as its code": {"method": "attention-fixmatch", "lr": 0.003},
    "fixmatch, aligned": {"method": "fixmatch", "parameters": {"align": True}},
}
"""Settings of ours, beside the papers'."""


def table(root: Path) -> PaperTable:
    """No paper has this table."""
    names = sorted((name for name in method_names() if load_method(name).trains), key=lambda name: name != "supervised")
    rows = {name: {"method": name} for name in names} | OURS
    return PaperTable(
        title="Digits: what each method makes of 1328 unlabelled images",
        about=f"scikit-learn's digits, 20 labels, {STEPS} steps of `small_cnn` on one thread, every "
        "method with its paper's parameters. `supervised` is the labels alone. Three methods learn from the union of "
        "labelled and pseudo-labelled images, in which 20 labels among hundreds hardly count; they are also run with "
        "more weight on them.",
        cells=grid(
            rows, {"20 labels": {"num_labels": 20}}, {}, data="digits", steps=STEPS, threads=1,
            root=str(root),
        ),
    )  # fmt: skip
