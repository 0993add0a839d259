"""Which classes are taken for which: a heat table, or the worst pairs where the table would be too large."""

from fewlabels.report.markup import Table, esc, percent, scrolling

LARGEST_TABLE = 30
MOST_PAIRS = 20


def most_confused(confusion: list[list[int]], classes: list[str], most: int) -> list[tuple[str, str, int, float]]:
    """(true class, predicted class, images, share of the true class), the most frequent first."""
    pairs = [
        (classes[true], classes[predicted], count, count / sum(row))
        for true, row in enumerate(confusion)
        for predicted, count in enumerate(row)
        if count and predicted != true
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], -pair[3]))[:most]


def _cell(true: int, predicted: int, count: int, total: int) -> str:
    """One count; its share of the true class becomes the strength of the colour."""
    if count == 0:
        return '<td class="zero">·</td>'
    share = count / total
    kind = "right" if true == predicted else "wrong"
    # Errors are few: their colour is stretched so that one in five stands out.
    strength = share if true == predicted else min(1.0, 0.15 + 3 * share)
    strong = " strong" if strength > 0.75 else ""
    return f'<td class="{kind}{strong}" style="--v:{strength:.2f}">{count:,}</td>'


def _heat_table(confusion: list[list[int]], classes: list[str], images: str) -> str:
    head = "".join(f'<th scope="col"><span>{esc(name)}</span></th>' for name in classes)
    rows = []
    for true, row in enumerate(confusion):
        total = sum(row)
        cells = "".join(_cell(true, predicted, count, total) for predicted, count in enumerate(row))
        recall = percent(row[true] / total, 0) if total else "–"
        rows.append(f'<tr><th scope="row">{esc(classes[true])}</th>{cells}<td class="recall">{recall}</td></tr>')
    caption = f"{images.capitalize()}: each row is a true class, each column what the model says"
    return scrolling(
        caption,
        f'<table class="heat"><caption>{esc(caption)}</caption><thead><tr>'
        f'<th scope="col" class="corner">truth</th>{head}<th scope="col" class="recall">right</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>",
    )


def confusion_part(confusion: list[list[int]], classes: list[str], images: str) -> str:
    """The heat table for up to 30 classes, else a table of the most frequent mistakes.

    Args:
        confusion: (K, K) counts, rows are the truth.
        classes: K names.
        images: which images were counted, e.g. "test images".
    """
    pairs = most_confused(confusion, classes, MOST_PAIRS)
    if len(classes) <= LARGEST_TABLE:
        worst = ", ".join(f"{true} taken for {said} ({count:,})" for true, said, count, _ in pairs[:3])
        return _heat_table(confusion, classes, images) + (f"<p>Most often: {esc(worst)}.</p>" if pairs else "")
    if not pairs:
        return "<p>No image was taken for another class.</p>"
    rows = [(true, said, f"{count:,}", percent(share)) for true, said, count, share in pairs]
    header = ("truth", "the model says", "images", "of that class")
    return Table(f"The most frequent mistakes on the {images}", header, rows).html()
