"""DNLL, Sec. 4.8: domain adaptation from labelled USPS to unlabelled MNIST."""

from pathlib import Path

from fewlabels.recipes.table import PaperTable, grid


def table(root: Path) -> PaperTable:
    """Return the final accuracies of DNLL's Sec. 4.8, for which the paper has curves only."""
    source = {"labelled_from": "usps", "parameters": {"mu": 7}}
    dual = {"stable": 0.6, "consistency": 1.0, "stabilisation": 1.0}
    rows = {
        "supervised on the source": {"method": "supervised", "labelled_from": "usps"},
        "Mean Teacher": {"method": "mean-teacher", **source},
        "Dual Student": {"method": "dual-student", "labelled_from": "usps", "parameters": {"mu": 7, **dual}},
        "DNLL": {"method": "dnll", **source},
        "supervised on the target": {"method": "supervised", "num_labels": 7000},
    }
    return PaperTable(
        title="DNLL, Sec. 4.8: USPS to MNIST",
        about="7291 labelled USPS digits, resized from 16 to 28 px, and 60,000 unlabelled MNIST digits, with noise as "
        "the only view; accuracy on MNIST's test images. The last row trains on 7000 labelled MNIST digits instead. "
        "Shortened: 2000 steps of 16 labelled and 112 unlabelled images (Dual Student's script, which the paper "
        "follows: 100 epochs of 32 + 224). The paper has curves, no figures.",
        cells=grid(rows, {"3-layer CNN": {"backbone": "cnn3"}}, {}, data="mnist", root=str(root), weak="noise",
                   strong="noise", batch_size=16, steps=2000, threads=1),
    )  # fmt: skip
