"""DNLL, Table 4: MNIST with 20, 50 and 100 labels and unchanged inputs."""

from pathlib import Path

from fewlabels.recipes.table import PaperTable, grid


def table(root: Path) -> PaperTable:
    """Return DNLL's Table 4 (the paper: 13-layer CNN, three runs)."""
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
        title="DNLL, Table 4: MNIST",
        about="The paper trains its 13-layer CNN on unchanged inputs and validates on 50 images per class. Our runs "
        "use the defaults of `fewlabels train` (a small network, 3000 steps) on one thread, without validation images.",
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
