"""Write everything that a finished run leaves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fewlabels.auto.choice import Choice
from fewlabels.evaluation.outcome import Outcome
from fewlabels.files import write_json, write_text
from fewlabels.methods.catalogue import AUTO
from fewlabels.report.page import render
from fewlabels.report.pick.run import summarise
from fewlabels.run.ledger import write_ledger
from fewlabels.run.saved_model import save_model
from fewlabels.tasks.task import Task, predict_all
from fewlabels.training.experiment import Experiment
from fewlabels.training.loop import Trainer


def finish(
    out: Path, config: dict[str, Any], task: Task, experiment: Experiment, trainer: Trainer, choice: Choice | None
) -> None:
    """Write model, ledger, report and figures; metrics.json comes last and marks the run as finished."""
    dataset, split, model = experiment.dataset, experiment.split, trainer.average.shadow
    calibration = task.calibrate(experiment, model, trainer.pool)
    model.temperature = calibration.temperature
    spec = replace(experiment.spec, temperature=calibration.temperature)
    save_model(out, model, spec, dataset.classes, task.name, experiment.settings.engine)
    predictions = predict_all(task, experiment, model)
    outcome = Outcome(model, experiment.trunk.plain, predictions, task.answers)
    write_ledger(out / "labels.csv", task, dataset, split, predictions)
    metrics = task.metrics(experiment, outcome)
    metrics["train"] = trainer.figures() | {
        "num_labels": len(split.labelled),
        "num_unlabelled": len(split.unlabelled),
    }
    metrics["calibration"] = calibration.figures()
    if choice is not None:
        metrics[AUTO] = choice.figures()
        if choice.estimate is not None and "cross_fit" in metrics:  # an estimate of this method, and not of a probe
            metrics["cross_fit"] = choice.estimate
    trainer.write_history(trainer.history)
    own = task.content(experiment, outcome, metrics)
    summary = summarise(
        task.name, experiment, own, name=out.name, config=config, metrics=metrics, history=trainer.history
    )
    write_text(out / "report.html", render([task.face(summary)]))
    write_json(out / "metrics.json", metrics)
