"""The confusion matrix: a table, or the most frequent errors if there are too many classes."""

from collections.abc import Sequence

from fewlabels.report.content.blocks import Block, HeatCell, HeatTable, Paragraph, Table
from fewlabels.report.words import percent

LARGEST_TABLE = 30
MOST_PAIRS = 20
Matrix = Sequence[Sequence[int]]
"""(K, K) counts, rows are the true classes."""


def most_confused(confusion: Matrix, classes: Sequence[str], most: int) -> list[tuple[str, str, int, float]]:
    """Return (true class, predicted class, images, share of the true class), the most frequent first."""
    pairs = [
        (classes[true], classes[predicted], count, count / sum(row))
        for true, row in enumerate(confusion)
        for predicted, count in enumerate(row)
        if count and predicted != true
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], -pair[3]))[:most]


def confusion_blocks(confusion: Matrix, classes: Sequence[str], images: str) -> list[Block]:
    """Return the matrix for up to 30 classes, else a table of the most frequent errors.

    Args:
        confusion: the counts.
        classes: K names.
        images: which images were counted, e.g. "test images".
    """
    pairs = most_confused(confusion, classes, MOST_PAIRS)
    if len(classes) <= LARGEST_TABLE:
        worst = ", ".join(f"{true} as {predicted} ({count:,})" for true, predicted, count, _ in pairs[:3])
        errors = [Paragraph(f"Most frequent errors: {worst}.")] if pairs else []
        return [_heat_table(confusion, classes, images), *errors]
    if not pairs:
        return [Paragraph(f"All {images} are classified correctly.")]
    rows = [(true, predicted, f"{count:,}", percent(share)) for true, predicted, count, share in pairs]
    header = ("true class", "predicted class", "images", "share of the true class")
    return [Table(f"The most frequent errors on the {images}", header, rows)]


def _heat_table(confusion: Matrix, classes: Sequence[str], images: str) -> HeatTable:
    rows = []
    for true, row in enumerate(confusion):
        total = sum(row)
        cells = [_cell(true, predicted, count, total) for predicted, count in enumerate(row)]
        rows.append((classes[true], cells, percent(row[true] / total, 0) if total else "–"))
    caption = f"{images.capitalize()}: rows are true classes, columns predicted classes"
    return HeatTable(caption, classes, rows)


def _cell(true: int, predicted: int, count: int, total: int) -> HeatCell:
    """Return one count; its share of the true class becomes the strength of the colour."""
    if count == 0:
        return HeatCell(0, "zero", 0)
    share = count / total
    # Errors are few: their colour is stretched so that one in five stands out.
    strength = share if true == predicted else min(1.0, 0.15 + 3 * share)
    kind = "right" if true == predicted else "wrong"
    return HeatCell(count, f"{kind} strong" if strength > 0.75 else kind, strength)
