"""The result of ``--method auto``: what was tried, what was chosen, and why. It is stored in config.yaml."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fewlabels.structure import structure


@dataclass(frozen=True)
class Trial:
    """A candidate and how it did."""

    method: str
    parameters: dict[str, Any]
    accuracy: float | None = None
    """Cross-fitted on the given labels, from 0 to 1; None where the candidate was judged by evidence alone. In task
    ``multilabel`` the share of known marks that are predicted correctly."""
    log_loss: float | None = None
    """Cross-fitted, in nats, at the best temperature; None as above."""
    evidence: float = 0.0
    """Expected log-loss minus that of ``linear-probe``, in nats, from the table of :mod:`fewlabels.auto.evidence`."""
    seconds: float = 0.0
    """Time of its cross-fitting; not stored, because it differs between two runs."""

    @property
    def name(self) -> str:
        """The candidate as a user would type it."""
        return " ".join([self.method, *(f"--method.{name} {value}" for name, value in self.parameters.items())])


@dataclass(frozen=True)
class Choice:
    """The chosen method and the reason."""

    method: str
    parameters: dict[str, Any]
    reason: str
    """One or two sentences for a person."""
    tried: list[Trial] = field(default_factory=list)
    estimate: dict[str, Any] | None = None
    """Accuracy of the whole procedure, choice included, by outer folds: ``accuracy``, ``accuracy_low``,
    ``accuracy_high``, ``num_images``, ``folds``; None where there are too few labels, or nothing was cross-fitted."""

    @property
    def name(self) -> str:
        """The chosen method as a user would type it."""
        return Trial(self.method, self.parameters).name

    def to_dict(self) -> dict[str, Any]:
        """Return plain values without times, so that two runs with one seed are equal."""
        tried = [{name: value for name, value in asdict(trial).items() if name != "seconds"} for trial in self.tried]
        return {**asdict(self), "tried": tried}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Choice":
        """Build the choice from the values of :meth:`to_dict`; raise ValueError for anything else."""
        return structure(values, cls)

    def figures(self) -> dict[str, float | int | str]:
        """Return the estimate and the candidates' figures, flat, for metrics.json."""
        found: dict[str, float | int | str] = {"method": self.name, "reason": self.reason, **(self.estimate or {})}
        for trial in self.tried:
            if trial.accuracy is not None and trial.log_loss is not None:
                found |= {
                    f"{trial.name}: accuracy": trial.accuracy, f"{trial.name}: log_loss": trial.log_loss,
                    f"{trial.name}: seconds": round(trial.seconds, 1),
                }  # fmt: skip
        return found

    def lines(self) -> list[str]:
        """Return what the command prints: a line per candidate, then the choice."""
        tried = [
            f"tried {trial.name}: cross-fitted accuracy {100 * trial.accuracy:.1f} %, log-loss {trial.log_loss:.3f}, "
            f"{trial.seconds:.0f} s"
            for trial in self.tried
            if trial.accuracy is not None and trial.log_loss is not None
        ]
        return [*tried, f"chose {self.name}: {self.reason}"]
