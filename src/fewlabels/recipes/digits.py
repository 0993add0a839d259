"""Every method on the embedded digits with 20 labels: does it learn from the unlabelled images?"""

from pathlib import Path

from fewlabels.methods.catalogue import load_method, method_files
from fewlabels.options import TrainOptions
from fewlabels.recipes.table import Cell, Table

STEPS = 800


def table(root: Path) -> Table:
    """No paper has this table."""
    names = [name for name in method_files() if load_method(name).trains]
    order = sorted(names, key=lambda name: (name != "supervised", name))
    cells = [
        Cell(
            name,
            "20 labels",
            TrainOptions(data="digits", method=name, num_labels=20, steps=STEPS, threads=1, root=str(root)),
        )
        for name in order
    ]
    return Table(
        title="Digits: what each method makes of 1328 unlabelled images",
        about=f"scikit-learn's digits, 20 labels, {STEPS} steps of `small_cnn` on one thread, every method with its "
        "paper's parameters. `supervised` is the labels alone.",
        cells=tuple(cells),
    )  # fmt: skip
