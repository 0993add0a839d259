"""How ``--method auto`` chose the method of a run."""

from collections.abc import Mapping
from typing import Any

from fewlabels.auto.choice import Choice, Trial
from fewlabels.methods.catalogue import AUTO
from fewlabels.report.content.blocks import Block, Paragraph, Section, Table
from fewlabels.report.face import Face


def choice_of_method(face: Face[Any]) -> Section:
    """Return what was tried, what was chosen and why; no blocks where the user named the method."""
    record = face.run.config.get("record")
    values = record.get(AUTO) if isinstance(record, Mapping) else None
    if not isinstance(values, Mapping):
        return Section("Choice of the method", [])
    choice = Choice.from_dict(values)
    blocks: list[Block] = [Paragraph(f"{choice.name}: {choice.reason}.")]
    if choice.estimate is not None:
        blocks.append(Paragraph(_estimate(choice.estimate)))
    if choice.tried:
        header = ("candidate", "cross-fitted accuracy", "cross-fitted log-loss", "log-loss on other data sets")
        blocks.append(Table("Candidates", header, [_row(trial) for trial in choice.tried]))
    return Section("Choice of the method", blocks)


def _row(trial: Trial) -> list[str]:
    accuracy = "" if trial.accuracy is None else f"{100 * trial.accuracy:.1f} %"
    log_loss = "" if trial.log_loss is None else f"{trial.log_loss:.3f}"
    return [trial.name, accuracy, log_loss, f"{trial.evidence:+.3f}"]


def _estimate(estimate: Mapping[str, Any]) -> str:
    low, high = (100 * estimate[f"accuracy_{side}"] for side in ("low", "high"))
    return (
        f"Estimated accuracy {100 * estimate['accuracy']:.1f} % (95 % interval {low:.1f} to {high:.1f} %): the whole "
        f"procedure, choice included, was repeated on {estimate['folds']} parts of the labels and tested on the "
        f"{estimate['num_images']} labels that were left out. With all labels the model is usually a little better."
    )
