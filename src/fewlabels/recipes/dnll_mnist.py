"""DNLL on MNIST with 20, 50 and 100 labels, inputs as they are."""

from pathlib import Path

from fewlabels.recipes.table import PaperTable, grid


def table(root: Path) -> PaperTable:
    """Paper: 13-layer CNN, three runs (PaperTable 4)."""
    plain = {"weak": "identity", "strong": "identity"}
    rows = {
        "supervised": {"method": "supervised", **plain},
        "DNLL, m = 1": {"method": "dnll", **plain},
        "DNLL, m = 3": {"method": "dnll", "parameters": {"m": 3}, **plain},
        "supervised, default views": {"method": "supervised"},
        "DNLL, m = 1, default views": {"method": "dnll"},
    }
    columns = {f"{count} labels": {"num_labels": count} for count in (20, 50, 100)}
    return PaperTable(
        title="DNLL, PaperTable 4: MNIST",
        about="The paper trains its 13-layer CNN without any change to the inputs and validates on 50 images a class. "
        "Ours are the defaults of `fewlabels train` (a small network, 3000 steps) on one thread, no validation images.",
        cells=grid(
            rows,
            columns,
            {"DNLL, m = 1": (99.19, 99.32, 99.54)},
            data="mnist",
            root=str(root),
            steps=3000,
            threads=1,
        ),
    )
