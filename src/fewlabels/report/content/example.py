"""One image on the page with the model's prediction for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fewlabels.report.content.blocks import Block, Card, Cards, ClassStrips, Folded, Picture, Strip
from fewlabels.report.draw.thumbnail import check_thumbnail
from fewlabels.report.words import percent, plural

ByClass = Mapping[str, Sequence["Example"]]
MOST_OPEN = 12
"""Classes whose images are shown at once; those of further classes are folded."""


@dataclass(frozen=True)
class Example:
    """One image and the model's prediction for it."""

    path: str
    image: str
    """A PNG data URI as made by :func:`fewlabels.report.draw.thumbnail.thumbnail`; anything else raises ValueError."""
    label: str
    """The predicted class."""
    confidence: float
    """From 0 to 1."""
    given: str | None
    """The class that a person gave, if any."""
    truth: str | None
    """The true class, if the data set has it."""

    def __post_init__(self) -> None:
        check_thumbnail(self.image)

    @property
    def wrong(self) -> bool:
        """Whether the prediction is known to be wrong."""
        return self.truth is not None and self.truth != self.label

    @property
    def predicted(self) -> str:
        """Predicted class and confidence."""
        return f"{self.label}, {percent(self.confidence, 0)}"

    @property
    def description(self) -> str:
        """For readers who can't see the image."""
        parts = [f"{self.path}: predicted {self.label}, confidence {percent(self.confidence, 0)}"]
        if self.given is not None:
            parts.append(f"given label {self.given}")
        if self.truth is not None:
            parts.append(f"true class {self.truth}")
        return ", ".join(parts)

    def picture(self) -> Picture:
        """Return the image with its confidence, and its true class where the prediction is wrong."""
        caption = percent(self.confidence, 0) + (f", is {self.truth}" if self.wrong else "")
        return Picture(self.image, self.description, caption, self.wrong)


def class_strips(classes: Sequence[str], strips: Mapping[str, ByClass]) -> list[Block]:
    """Return a row for each class that has examples, with a strip of each kind; rows after the first 12 are folded."""
    rows = []
    for name in classes:
        shown = [
            Strip(title, [example.picture() for example in examples[name]])
            for title, examples in strips.items()
            if examples.get(name)
        ]
        if shown:
            rows.append((name, shown))
    if not rows:
        return []
    folded = rows[MOST_OPEN:]
    more = [Folded(plural(len(folded), "more class", "more classes"), [ClassStrips(folded)])] if folded else []
    return [ClassStrips(rows[:MOST_OPEN]), *more]


def cards(examples: Sequence[Example]) -> list[Block]:
    """Return a card for each image whose given label differs from the prediction."""
    shown = [
        Card(
            one.image, one.description, one.given or "", one.label, percent(one.confidence, 0), one.truth, one.path
        )
        for one in examples
    ]  # fmt: skip
    return [Cards(shown)] if shown else []
