"""Warnings about pseudo-labels that collapse onto few classes and about imbalanced labels."""

from collections.abc import Sequence
from math import exp, log

ENOUGH_PER_CLASS = 10
"""Smallest mean number of accepted pseudo-labels per class for a warning: early in a run few are accepted."""
LARGEST_RATIO = 5
"""Largest ratio of the label counts of two classes without a warning."""


def effective_classes(counts: Sequence[int]) -> float:
    """Compute exp(entropy) of the proportions: K for K equal counts, 1 for a single class, 0 without counts."""
    total = sum(counts)
    if total == 0:
        return 0.0
    return exp(-sum(count / total * log(count / total) for count in counts if count))


def _named(names: Sequence[str], most: int = 5) -> str:
    """Join names as in "'a', 'b' and 3 more"."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def collapse_note(counts: Sequence[int], classes: Sequence[str]) -> str | None:
    """Return a warning when the accepted pseudo-labels have collapsed onto few classes, else None.

    The rule: at least 10 accepted pseudo-labels per class on average, and an effective number of classes,
    exp(entropy), below 1 + (K - 1) / 3, a third of the way from one class to all K. (Half of K would never warn for
    two classes.) With two classes, this is one class with more than 91 %; with ten, fewer than 4 effective classes.

    Args:
        counts: K numbers of accepted pseudo-labels.
        classes: the K names of the classes.
    """
    assert len(counts) == len(classes)
    total, num_classes = sum(counts), len(classes)
    effective = effective_classes(counts)
    if num_classes < 2 or total < ENOUGH_PER_CLASS * num_classes or effective >= 1 + (num_classes - 1) / 3:
        return None
    order = sorted(range(num_classes), key=lambda k: -counts[k])[: max(1, round(effective))]
    share = sum(counts[k] for k in order) / total
    return (
        f"{100 * share:.0f} % of the {total:,} accepted pseudo-labels belong to {len(order)} of the {num_classes} "
        f"classes ({_named([classes[k] for k in order])}): unless your images are really that imbalanced, the method "
        f"has collapsed onto these classes and its pseudo-labels are not reliable."
    )


def imbalance_note(label_counts: Sequence[int], classes: Sequence[str]) -> str | None:
    """Return a warning when a class has more than 5 times as many labels as another, or has none, else None.

    Args:
        label_counts: K numbers of given labels.
        classes: the K names of the classes.
    """
    assert len(label_counts) == len(classes)
    if not any(label_counts):
        return None
    if missing := [name for name, count in zip(classes, label_counts, strict=True) if count == 0]:
        return f"No image is labelled {_named(missing)}: the model cannot learn a class without labels."
    most, fewest = max(label_counts), min(label_counts)
    if most <= LARGEST_RATIO * fewest:
        return None
    rich, poor = classes[label_counts.index(most)], classes[label_counts.index(fewest)]
    return (
        f"'{rich}' has {most} labels and '{poor}' only {fewest}: pseudo-labels tend to neglect rare classes, so review "
        f"these first."
    )
