"""The run in a few sentences that need no knowledge of machine learning: how good, how sure, what to distrust."""

from typing import Any

from fewlabels.evaluation.class_balance import collapse_note, imbalance_note
from fewlabels.report.boxes_words import boxes_certainty, boxes_headline, boxes_note, boxes_unjudged, localization
from fewlabels.report.marks_words import has_marks, marks_accepted, marks_certainty, marks_headline, marks_notes
from fewlabels.report.markup import NBSP, interval, percent, plural
from fewlabels.report.summary import RunSummary

_WIDE = 0.1
_MISCALIBRATED = 0.1


def accuracy_source(run: RunSummary) -> tuple[str, dict[str, Any]] | None:
    """The best evidence of accuracy there is: the test split, else the validation split, else the cross-fit."""
    for split in ("test", "val", "cross_fit"):
        figures = run.metrics.get(split) or {}
        if figures.get("accuracy") is not None:
            return split, figures
    return None


def headline(run: RunSummary) -> str:
    """The one sentence to remember."""
    if has_marks(run):
        return marks_headline(run)
    if boxes := localization(run):
        return boxes_headline(*boxes)
    source = accuracy_source(run)
    if source is None:
        return "How accurate the model is can't be said: there are neither test images nor enough labels"
    split, figures = source
    share = percent(figures["accuracy"])
    if split == "cross_fit":
        return f"An estimated {share} of new images would be right"
    kind = "test images" if split == "test" else "validation images"
    count = figures.get("num_images")
    return f"{share} of {f'{count:,} ' if count else ''}{kind} are right"


def certainty(run: RunSummary) -> str:
    """What stands under the headline: the interval, and what the estimate is when it is one."""
    if has_marks(run):
        return marks_certainty(run)
    if boxes := localization(run):
        return boxes_certainty(run, *boxes)
    source = accuracy_source(run)
    if source is None:
        return "Label a few more images of every class, or set some labelled images aside as a test split."
    split, figures = source
    sentences = []
    if bounds := interval(figures):
        sentences.append(f"95{NBSP}% interval {bounds}.")
    if figures.get("what"):
        sentences.append(str(figures["what"]))
    if split == "val":
        sentences.append("There is no test split: these images may have been used to choose settings.")
    return " ".join(filter(None, [*sentences, boxes_unjudged(run)]))


def accepted(run: RunSummary) -> str:
    """How many images got a label that the method itself trusts."""
    if has_marks(run):
        return marks_accepted(run)
    if all_labelled(run):
        return "Every training image came with its label, so none was given one."
    count = sum(run.pseudo_counts.values())
    total = (run.metrics.get("train") or {}).get("num_unlabelled")
    if not total:
        return f"{plural(count, 'unlabelled image')} got a label that the method accepts."
    of_all = f"{count:,} of {plural(total, 'unlabelled image')} ({percent(count / total)})"
    return f"{of_all} got a label that the method accepts."


def all_labelled(run: RunSummary) -> bool:
    """Was there no unlabelled image at all?"""
    return (run.metrics.get("train") or {}).get("num_unlabelled") == 0 and not any(run.pseudo_counts.values())


def distrust(run: RunSummary) -> list[str]:
    """Everything that calls for a second look, each a sentence of its own."""
    notes = [
        collapse_note([run.pseudo_counts.get(name, 0) for name in run.classes], run.classes),
        *_unevenly_given(run),
        _uncertain(run),
        _miscalibrated(run),
        boxes_note(run),
        *run.notes,
    ]
    return list(dict.fromkeys(note for note in notes if note))


def _unevenly_given(run: RunSummary) -> list[str | None]:
    if has_marks(run):
        return marks_notes(run)
    return [imbalance_note([run.label_counts.get(name, 0) for name in run.classes], run.classes)]


def _uncertain(run: RunSummary) -> str | None:
    source = accuracy_source(run)
    if source is None or source[1].get("accuracy_low") is None or source[1].get("accuracy_high") is None:
        return None
    figures = source[1]
    if figures["accuracy_high"] - figures["accuracy_low"] <= _WIDE:
        return None
    counted = plural(figures["num_images"], "image") if figures.get("num_images") else "so few images"
    return f"The accuracy was counted on {counted} only: it may well be anywhere in {interval(figures)}."


def _miscalibrated(run: RunSummary) -> str | None:
    source = accuracy_source(run)
    error = source[1].get("calibration_error") if source else None
    if error is None or error <= _MISCALIBRATED:
        return None
    return f"The confidences are {100 * error:.0f} points off on average: take them as a ranking, not as a probability."
