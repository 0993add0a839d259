"""A multi-label run in a few sentences: how good, how sure, what to distrust, what was given."""

from typing import Any

from fewlabels.evaluation.class_balance import ENOUGH_PER_CLASS, LARGEST_RATIO
from fewlabels.report.markup import percent, plural
from fewlabels.report.summary import RunSummary

_KINDS = {"test": "test images", "val": "validation images"}
_MOST_NAMED = 5


def has_marks(run: RunSummary) -> bool:
    """Is this a multi-label run? Pages made before there was a marking have the measure alone."""
    return run.marking is not None or average_precision(run) is not None


def average_precision(run: RunSummary) -> tuple[str, dict[str, Any]] | None:
    """The best evidence of a multi-label run: the test split, else the validation split."""
    for split in _KINDS:
        figures = run.metrics.get(split) or {}
        if figures.get("mAP") is not None:
            return split, figures
    return None


def listed(names: list[str]) -> str:
    """'a', 'b' and 3 more."""
    shown = ", ".join(f"'{name}'" for name in names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED:,} more"


def marks_headline(run: RunSummary) -> str:
    """The one sentence to remember."""
    if not (source := average_precision(run)):
        return "How good the model is can't be said: no test or validation image is known to show any class"
    split, figures = source
    counted = f"{figures['num_images']:,} " if figures.get("num_images") else ""
    return f"Mean average precision {percent(figures['mAP'])} on {counted}{_KINDS[split]}"


def marks_certainty(run: RunSummary) -> str:
    """What stands under the headline: what the measure means, and what the model's yes and no are worth."""
    if not (source := average_precision(run)):
        return "Set some images with marks of every class aside as a test split."
    split, figures = source
    sentences = [
        "If all images were ranked by one class after the other, this is how pure the tops of the lists are on average."
    ]
    if chances := [one.chance for one in run.marking.precisions if one.positives] if run.marking else []:
        sentences.append(f"At random it would be about {percent(sum(chances) / len(chances), 0)}.")
    if figures.get("OR") == 0:
        sentences.append("At a probability of 0.5 the model names none of the classes that are there.")
    elif figures.get("OP") is not None and figures.get("OR") is not None:
        sentences.append(
            f"At a probability of 0.5, {percent(figures['OP'])} of the classes that the model names are there, and it "
            f"names {percent(figures['OR'])} of those that are there."
        )
    if split == "val":
        sentences.append("There is no test split: these images may have been used to choose settings.")
    return " ".join(sentences)


def marks_accepted(run: RunSummary) -> str:
    """How many unknown marks the method itself trusts its answer on."""
    present = sum(run.pseudo_counts.values())
    if run.marking is None:
        return f"{plural(present, 'unknown mark')} of training images {_are(present)} accepted as present."
    absent, unknown = run.marking.accepted_absent, run.marking.given.unknown
    if not unknown:
        return "Every mark of the training images was given, so there was none to find."
    share = percent((present + absent) / unknown)
    return (
        f"{present + absent:,} of {plural(unknown, 'unknown mark')} of training images ({share}) got an answer that "
        f"the method accepts: {present:,} present, {absent:,} absent."
    )


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def marks_given(run: RunSummary) -> str:
    """How many marks training saw, and how many it did not."""
    if run.marking is None:
        return f"{plural(sum(run.label_counts.values()), 'mark')} present"
    given = run.marking.given
    share = percent(given.known / total) if (total := given.known + given.unknown) else "none"
    return (
        f"{plural(given.known, 'mark')} ({given.present:,} present, {given.absent:,} absent), {share} of all; "
        f"{given.unknown:,} unknown"
    )


def marks_notes(run: RunSummary) -> list[str | None]:
    """What to distrust of the marks that were given and of what they were judged by."""
    return [_all_absent(run), _uneven(run), _only_present(run), _unjudged(run)]


def _all_absent(run: RunSummary) -> str | None:
    """The collapse of this task: nearly every unknown mark is taken for absent."""
    if run.marking is None or not run.marking.given.absent:
        return None
    given, present = run.marking.given, sum(run.pseudo_counts.values())
    accepted = present + run.marking.accepted_absent
    usual = given.present / given.known
    if accepted < ENOUGH_PER_CLASS * len(run.classes) or LARGEST_RATIO * present >= usual * accepted:
        return None
    return (
        f"Of the {accepted:,} unknown marks that got an accepted answer {percent(present / accepted)} are taken for "
        f"present, but {percent(usual)} of the given ones are: the method hardly finds what is there."
    )


def _uneven(run: RunSummary) -> str | None:
    counts = {name: run.label_counts.get(name, 0) for name in run.classes}
    if not any(counts.values()):
        return None
    if missing := [name for name, count in counts.items() if not count]:
        return f"No training image is marked as showing {listed(missing)}, so the model can hardly learn to find that."
    rich, poor = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[rich] <= LARGEST_RATIO * counts[poor]:
        return None
    return (
        f"'{rich}' is marked as present in {plural(counts[rich], 'training image')} and '{poor}' in only "
        f"{counts[poor]:,}: rare classes are found worst, so look at those first."
    )


def _only_present(run: RunSummary) -> str | None:
    if run.marking is None or run.marking.given.absent or not run.marking.given.unknown:
        return None
    return (
        "Every given mark says 'present', so the unknown ones were learnt as absent: where a class was only forgotten, "
        "its probability is too low."
    )


def _unjudged(run: RunSummary) -> str | None:
    precisions = run.marking.precisions if run.marking else []
    missing = [name for name, one in zip(run.classes, precisions, strict=False) if one.average is None]
    if not missing or run.marking is None:
        return None
    return (
        f"None of the {run.marking.judged_by} is known to show {listed(missing)}: how well the model finds "
        f"that is not known, and the mean is of the other "
        f"{plural(len(precisions) - len(missing), 'class', 'classes')}."
    )
