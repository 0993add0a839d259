"""Domain adaptation: labelled USPS, unlabelled MNIST."""

from pathlib import Path

from fewlabels.recipes.table import Table, grid


def table(root: Path) -> Table:
    """DNLL, Sec. 4.8: the paper shows curves only."""
    source = {"labelled_from": "usps"}
    rows = {
        "supervised on the source": {"method": "supervised", **source},
        "Mean Teacher": {"method": "mean-teacher", **source},
        "Dual Student": {"method": "dual-student", "parameters": {"stable": 0.6}, **source},
        "DNLL": {"method": "dnll", **source},
        "supervised on the target": {"method": "supervised", "num_labels": 7000},
    }
    return Table(
        title="DNLL, Sec. 4.8: USPS to MNIST",
        about="7291 labelled USPS digits, resized from 16 to 28 px, and 60,000 unlabelled MNIST digits; accuracy on "
        "MNIST's test images. The last row trains on 7000 labelled MNIST digits instead. The paper prints curves, no "
        "figures.",
        cells=grid(rows, {"3-layer CNN": {"backbone": "cnn3"}}, {}, data="mnist", root=str(root), weak="identity",
                   strong="identity", batch_size=32),
    )  # fmt: skip
