"""Make the batch of each step."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fewlabels.augment.views import View
from fewlabels.methods.method import Batch, Labelled, Unlabelled
from fewlabels.randomness import Draws, key_of
from fewlabels.sampling.schedule import Rows, Stream
from fewlabels.training.images import Images
from fewlabels.training.rounds import Rounds


class ViewMaker(Protocol):
    """Draws the views of the rows of each step, in order."""

    def views(self, rows: Iterator[tuple[int, Rows, Rows | None]]) -> Iterator[tuple[tuple[Tensor, ...], ...]]:
        """Give the labelled and the unlabelled views for each (step, labelled rows, unlabelled rows)."""
        ...


@dataclass(frozen=True)
class PixelViews:
    """Views that are drawn from pixels in every step."""

    images: Images
    labelled: tuple[View, ...]
    unlabelled: tuple[View, ...]
    seed: int
    few: int | None = None
    """Number of different views per image and name, which recur during the run; None: every view is new."""

    def views(self, rows: Iterator[tuple[int, Rows, Rows | None]]) -> Iterator[tuple[tuple[Tensor, ...], ...]]:
        """Read the store once per step, for labelled and unlabelled images together."""
        rows = iter(rows)
        asked: list[tuple[int, Rows, Rows | None]] = []

        def indices() -> Iterator[Tensor]:
            for step, labelled, unlabelled in rows:
                asked.append((step, labelled, unlabelled))
                yield labelled.rows if unlabelled is None else torch.cat([labelled.rows, unlabelled.rows])

        for pixels in self.images.stream(indices()):
            step, labelled, unlabelled = asked.pop(0)
            cut = len(labelled.rows)
            first = self._draw("labelled", step, pixels[:cut], labelled, self.labelled)
            second = () if unlabelled is None else self._draw(
                "unlabelled", step, pixels[cut:], unlabelled, self.unlabelled
            )  # fmt: skip
            yield first, second

    def _draw(self, part: str, step: int, pixels: Tensor, rows: Rows, views: tuple[View, ...]) -> tuple[Tensor, ...]:
        every = [self._draws(part, step, number, rows) for number in range(len(views))]
        drawn = [view(pixels, draws) for view, draws in zip(views, every, strict=True)]
        return tuple(self.images.to_input(view) for view in drawn)

    def _draws(self, part: str, step: int, number: int, rows: Rows) -> Draws:
        new = Draws(key_of(self.seed, part, step, number), rows.slots)
        if self.few is None:
            return new
        return Draws(key_of(self.seed, "few", part, number), rows.rows * self.few + new.integers(self.few)[:, 0])


@dataclass(frozen=True)
class EmbeddedViews:
    """Cached features of a frozen trunk: each step picks one of the few cached views of an image."""

    features: dict[str, Tensor]
    """(N, V, ...) features per view name; rows that are never used are zero."""
    labelled: tuple[str, ...]
    unlabelled: tuple[str, ...]
    seed: int

    def views(self, rows: Iterator[tuple[int, Rows, Rows | None]]) -> Iterator[tuple[tuple[Tensor, ...], ...]]:
        """Give features instead of pixels."""
        for step, labelled, unlabelled in rows:
            first = self._pick("labelled", step, labelled, self.labelled)
            yield first, () if unlabelled is None else self._pick("unlabelled", step, unlabelled, self.unlabelled)

    def _pick(self, part: str, step: int, rows: Rows, names: tuple[str, ...]) -> tuple[Tensor, ...]:
        picked = []
        for number, name in enumerate(names):
            kept = self.features[name]
            draws = Draws(key_of(self.seed, part, step, number), rows.slots)
            choice = draws.integers(kept.shape[1])[:, 0]
            picked.append(kept[rows.rows.to(kept.device), choice.to(kept.device)])
        return tuple(picked)


@dataclass(frozen=True)
class Feed:
    """The batches of a run."""

    maker: ViewMaker
    labelled: Stream
    unlabelled: Stream | None
    labels: Tensor
    """``LabelSplit.given`` on the device."""
    rounds: Rounds
    seed: int

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.rounds.steps

    def batches(self, start: int) -> Iterator[Batch]:
        """Give the batches from step ``start`` to the end."""
        device = self.labels.device

        def rows() -> Iterator[tuple[int, Rows, Rows | None]]:
            for step in range(start, self.steps):
                yield step, self.labelled.at(step), self.unlabelled.at(step) if self.unlabelled else None

        for (step, labelled, unlabelled), (first, second) in zip(rows(), self.maker.views(rows()), strict=True):
            index = labelled.rows.to(device)
            own = unlabelled or labelled
            yield Batch(
                Labelled(first, self.labels[index], index),
                Unlabelled(second, unlabelled.rows.to(device) if unlabelled else index[:0]),
                step,
                step / max(1, self.steps),
                Draws(key_of(self.seed, "method", step), own.slots),
                self.rounds.at(step),
            )
