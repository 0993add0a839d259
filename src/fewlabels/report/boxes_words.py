"""The boxes of a run in a few sentences: how good, what a right one is, what to distrust."""

from typing import Any

from fewlabels.report.markup import NBSP, interval, percent
from fewlabels.report.summary import RunSummary

KINDS = {"test": "test images", "val": "validation images"}


def localization(run: RunSummary) -> tuple[str, dict[str, Any]] | None:
    """The best evidence of the boxes: the test split, else the validation split; None where no true box is known."""
    for split in KINDS:
        figures = run.metrics.get(split) or {}
        if figures.get("gt_known") is not None:
            return split, figures
    return None


def boxes_headline(split: str, figures: dict[str, Any]) -> str:
    """The one sentence to remember."""
    counted = f"{figures['num_boxed']:,} " if figures.get("num_boxed") else ""
    return f"{percent(figures['gt_known'])} of the boxes on {counted}{KINDS[split]} are right (GT-Known)"


def boxes_certainty(run: RunSummary, split: str, figures: dict[str, Any]) -> str:
    """What stands under the headline: what a right box is, what an easy one gets, and the class beside it."""
    sentences = ["A box is right if what it shares with a true box is at least half of both together (IoU 0.5)."]
    if run.boxing and run.boxing.centred is not None:
        sentences.append(
            f"The same box about the centre of every image would be right on {percent(run.boxing.centred)}."
        )
    if figures.get("top1_loc") is not None:
        five = figures.get("top5_loc")
        more = f", with one of the five likeliest classes on {percent(five)} (Top-5)" if five is not None else ""
        sentences.append(f"Box and class are both right on {percent(figures['top1_loc'])} (Top-1 localization){more}.")
    if figures.get("accuracy") is not None:
        bounds = interval(figures)
        chance = f" (95{NBSP}% interval {bounds})" if bounds else ""
        sentences.append(f"The class alone is right on {percent(figures['accuracy'])}{chance}.")
    if split == "val":
        sentences.append("There is no test split: these images may have been used to choose settings.")
    return " ".join(sentences)


def boxes_unjudged(run: RunSummary) -> str:
    """A sentence for a run whose boxes nothing is known of; empty for any other."""
    if run.boxing is None or localization(run):
        return ""
    return "No true box of a test or validation image is known, so how good the boxes are can't be said."


def boxes_note(run: RunSummary) -> str | None:
    """What calls for a second look: boxes that are no better than one that looks at nothing."""
    found = localization(run)
    if not found or run.boxing is None or run.boxing.centred is None:
        return None
    gt_known = found[1]["gt_known"]
    if gt_known > run.boxing.centred:
        return None
    return (
        f"The boxes are no better than the same box about the centre of every image, which would be right on "
        f"{percent(run.boxing.centred)}: the model has not learned where its objects are."
    )
