"""The names of classes: their order, and names that are probably misspelt."""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping


def sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Sort by name, or by number where all names are finite numbers."""
    names = set(names)
    try:
        numbers = {name: float(name) for name in names}
    except ValueError:
        return tuple(sorted(names))
    if not all(map(math.isfinite, numbers.values())):
        return tuple(sorted(names))
    return tuple(sorted(names, key=lambda name: (numbers[name], name)))


def misspelt(counts: Mapping[str, int]) -> dict[str, str]:
    """Return the names that differ from a more frequent name only in case or spaces, each with that name."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        alike["".join(unicodedata.normalize("NFKC", name).casefold().split())].append(name)
    return {other: most for most, *others in alike.values() for other in others}
