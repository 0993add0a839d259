"""Limitations of a multi-label run, in sentences."""

from collections.abc import Sequence

from fewlabels.evaluation.class_balance import ENOUGH_PER_CLASS, LARGEST_RATIO
from fewlabels.report.content.multilabel import MultilabelContent
from fewlabels.report.words import listed, percent, plural


def limitations(own: MultilabelContent, classes: Sequence[str]) -> list[str | None]:
    """Return the notes of all checks; None from a check that found nothing."""
    return [_all_absent(own, classes), _uneven(own, classes), _only_present(own), _unknown_precisions(own, classes)]


def _all_absent(own: MultilabelContent, classes: Sequence[str]) -> str | None:
    """Check for the collapse of this task: nearly all unknown marks are accepted as absent."""
    if not own.given.absent:
        return None
    present, accepted = own.accepted_present, own.accepted_present + own.accepted_absent
    usual = own.given.present / own.given.known
    if accepted < ENOUGH_PER_CLASS * len(classes) or LARGEST_RATIO * present >= usual * accepted:
        return None
    return (
        f"Of the {accepted:,} unknown marks with an accepted prediction, {percent(present / accepted)} are predicted "
        f"as present, compared with {percent(usual)} of the given marks: the method hardly finds present classes."
    )


def _uneven(own: MultilabelContent, classes: Sequence[str]) -> str | None:
    """Check for classes without, or with few, images that are marked as showing them."""
    counts = {name: own.label_counts.get(name, 0) for name in classes}
    if not any(counts.values()):
        return None
    if missing := [name for name, count in counts.items() if not count]:
        return f"No training image is marked as showing {listed(missing)}, so the model can hardly learn to find it."
    rich, poor = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[rich] <= LARGEST_RATIO * counts[poor]:
        return None
    return (
        f"'{rich}' is marked as present in {plural(counts[rich], 'training image')} and '{poor}' in only "
        f"{counts[poor]:,}: rare classes are usually predicted worst, so check those first."
    )


def _only_present(own: MultilabelContent) -> str | None:
    """Check for marks that are all positive."""
    if own.given.absent or not own.given.unknown:
        return None
    return (
        "All given marks are 'present', so unknown marks were treated as absent during training: the predicted "
        "probability of a class that was only not marked is too low."
    )


def _unknown_precisions(own: MultilabelContent, classes: Sequence[str]) -> str | None:
    """Check for classes without an average precision."""
    missing = [name for name, one in zip(classes, own.precisions, strict=False) if one.average is None]
    if not missing:
        return None
    others = plural(len(own.precisions) - len(missing), "other class", "other classes")
    return (
        f"None of the {own.judged_by} is known to show {listed(missing)}: the average precision there is unknown, and "
        f"the mean is over {others}."
    )
