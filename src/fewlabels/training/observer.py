"""Running means since the last evaluation, and the text of history.csv."""

import csv
import io
from typing import Any

import torch
from torch import Tensor

from fewlabels.methods.method import Losses


class RunningMeans:
    """Means of the loss terms and of the share of pseudo-labels kept, summed on the device without synchronisation."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.sums: dict[str, Tensor] = {}
        self.count = torch.zeros((), dtype=torch.int64, device=device)
        self.finite = torch.ones((), dtype=torch.bool, device=device)

    @torch.no_grad()
    def add(self, losses: Losses, total: Tensor) -> None:
        """Add one step."""
        values = {"loss": total, **{f"loss/{name}": term for name, term in losses.terms.items()}}
        if losses.kept is not None:
            values["share_kept"] = losses.kept.float().mean()
        for name, value in values.items():
            start = self.sums.get(name)
            value = value.detach().double()
            self.sums[name] = value.clone() if start is None else start + value
        self.count += 1
        self.finite &= torch.isfinite(total.detach())

    def means(self) -> dict[str, float]:
        """Return the means so far."""
        count = max(1, int(self.count))
        return {name: float(total) / count for name, total in self.sums.items()}

    def clear(self) -> None:
        """Reset the sums."""
        self.sums = {}
        self.count.zero_()

    def tensors(self) -> dict[str, Tensor]:
        """Return the state for a checkpoint."""
        return {**self.sums, "count": self.count}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restore the state of a checkpoint."""
        self.sums = {name: t.to(self.device) for name, t in tensors.items() if name != "count"}
        self.count = tensors["count"].to(self.device)


def history_csv(rows: list[dict[str, Any]]) -> str:
    """Return the history as CSV text, with a column for every key of any row; missing values are empty."""
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(
        {k: "" if v is None else round(v, 9) if isinstance(v, float) else v for k, v in row.items()} for row in rows
    )
    return text.getvalue()
