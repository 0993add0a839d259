"""The learning curves of one run, and of several on one plot."""

from collections.abc import Sequence

from fewlabels.report.charts import Series, line_chart
from fewlabels.report.summary import RunSummary

HistoryRow = dict[str, float | None]
_TITLES = {
    "test_accuracy": "Accuracy on the test images",
    "val_accuracy": "Accuracy on the validation images",
    "test_mAP": "mAP on the test images",
    "val_mAP": "mAP on the validation images",
    "share_kept": "Share kept of the pseudo-labels",
    "share_accepted": "Share accepted of the unknown marks",
    "pseudo_label_accuracy": "Accuracy of the pseudo-labels kept",
    "loss": "Loss",
}


def _points(history: Sequence[HistoryRow], column: str) -> list[tuple[float, float | None]]:
    """(step, value) of one column; rows without a step are left out."""
    return [(step, row.get(column)) for row in history if (step := row.get("step")) is not None]


def _loss_chart(history: Sequence[HistoryRow]) -> str:
    terms = sorted({column for row in history for column in row if column.startswith("loss/")})
    series = [Series("loss", _points(history, "loss"), 0)]
    if len(terms) > 1:
        series += [Series(name.removeprefix("loss/"), _points(history, name), k) for k, name in enumerate(terms, 1)]
    return line_chart("Loss", series, bounds=(0, None))


def history_charts(run: RunSummary) -> str:
    """Loss, share kept, and accuracy against the step; empty without a history."""
    history = run.history
    kept = [
        Series("share kept", _points(history, "share_kept"), 1),
        Series("unknown marks accepted", _points(history, "share_accepted"), 4),
        Series("their accuracy", _points(history, "pseudo_label_accuracy"), 2),
    ]
    accuracy = [
        Series("test", _points(history, "test_accuracy"), 0),
        Series("validation", _points(history, "val_accuracy"), 3),
    ]
    precision = [
        Series("test", _points(history, "test_mAP"), 0),
        Series("validation", _points(history, "val_mAP"), 3),
    ]
    charts = [
        line_chart("Mean average precision", precision, shares=True, bounds=(None, 1)),
        line_chart("Accuracy", accuracy, shares=True, bounds=(None, 1)),
        line_chart("Pseudo-labels: share kept", kept, shares=True, bounds=(0, 1)),
        _loss_chart(history),
    ]
    if not any(charts):
        return ""
    chose_nothing = (
        "<p>The test curve is for the reader only: it chose nothing.</p>"
        if accuracy[0].parts() or precision[0].parts()
        else ""
    )
    return f'<div class="charts">{"".join(charts)}</div>{chose_nothing}'


def compared_charts(runs: Sequence[RunSummary]) -> str:
    """One plot per column with a line per run; columns that no run has are left out."""
    charts = []
    for column, title in _TITLES.items():
        series = [Series(run.name, _points(run.history, column), k) for k, run in enumerate(runs)]
        shares = column != "loss"
        charts.append(line_chart(title, series, shares=shares, bounds=(None, 1) if shares else (0, None)))
    return f'<div class="charts">{"".join(charts)}</div>' if any(charts) else ""
