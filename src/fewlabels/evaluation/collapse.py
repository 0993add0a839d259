"""What to distrust: pseudo-labels that have gathered in few classes, and labels given unevenly."""

from collections.abc import Sequence
from math import exp, log

ENOUGH_PER_CLASS = 10
"""Below this many accepted pseudo-labels per class on average, nothing is said: early in a run few are accepted."""
LARGEST_RATIO = 5


def effective_classes(counts: Sequence[int]) -> float:
    """exp(entropy) of the shares: K for K equal counts, 1 when all are of one class, 0 when there are none."""
    total = sum(counts)
    if total == 0:
        return 0.0
    return exp(-sum(count / total * log(count / total) for count in counts if count))


def _named(names: Sequence[str], most: int = 5) -> str:
    """'a', 'b' and 3 more."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def collapse_note(counts: Sequence[int], classes: Sequence[str]) -> str | None:
    """Warn when the accepted pseudo-labels have collapsed onto few classes.

    The rule: at least 10 accepted pseudo-labels per class on average, and their effective number of classes,
    exp(entropy), below 1 + (K - 1) / 3, a third of the way from one class to all K. (Half of K would never warn for
    two classes.) For two classes that is one class with more than 91 %; for ten, fewer than 4 in use.

    Args:
        counts: K accepted pseudo-labels per class.
        classes: their K names.
    """
    assert len(counts) == len(classes)
    total, num_classes = sum(counts), len(classes)
    effective = effective_classes(counts)
    if num_classes < 2 or total < ENOUGH_PER_CLASS * num_classes or effective >= 1 + (num_classes - 1) / 3:
        return None
    order = sorted(range(num_classes), key=lambda k: -counts[k])[: max(1, round(effective))]
    share = sum(counts[k] for k in order) / total
    return (
        f"{100 * share:.0f} % of the {total:,} accepted pseudo-labels are of {len(order)} of the {num_classes} classes "
        f"({_named([classes[k] for k in order])}): unless your images really are that unequal, the method has "
        f"collapsed onto them and its labels should not be trusted."
    )


def imbalance_note(label_counts: Sequence[int], classes: Sequence[str]) -> str | None:
    """Warn when some class was given more than 5 times as many labels as another, or a class none at all.

    Args:
        label_counts: K labels given per class.
        classes: their K names.
    """
    assert len(label_counts) == len(classes)
    if not any(label_counts):
        return None
    if missing := [name for name, count in zip(classes, label_counts, strict=True) if count == 0]:
        return f"No image is labelled {_named(missing)}, so the model can hardly learn to find it."
    most, fewest = max(label_counts), min(label_counts)
    if most <= LARGEST_RATIO * fewest:
        return None
    rich, poor = classes[label_counts.index(most)], classes[label_counts.index(fewest)]
    return (
        f"'{rich}' was given {most} labels and '{poor}' only {fewest}: methods that trust their own predictions tend "
        f"to forget the rare classes, so look at those first."
    )
