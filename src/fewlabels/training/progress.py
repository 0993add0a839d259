"""Show progress: a bar in a terminal, plain lines in a pipe."""

import sys
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Lines go through ``say``; the bar is drawn on stderr, only where that is a terminal."""

    def __init__(self, steps: int, say: Callable[[str], None], quiet: bool = False) -> None:
        self.steps, self.quiet, self._say = steps, quiet, say
        self.live = sys.stderr.isatty() and not quiet
        self.bar = Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[seen]}"), console=Console(stderr=True), disable=not self.live,
        )  # fmt: skip
        self.task = self.bar.add_task("training", total=max(1, steps), seen="")
        self._began = (0.0, 0)
        self._last_line = 0.0

    def say(self, line: str) -> None:
        """Print one line, above the bar where there is one."""
        if not self.quiet:
            self._say(line)

    def start(self, step: int, estimate: float | None) -> None:
        """Print the estimated time, and start at ``step``."""
        if estimate is not None:
            self.say(f"training {self.steps - step} steps, about {duration(estimate)}")
        self._began = (time.monotonic(), step)
        self.bar.update(self.task, completed=step)

    def embedding(self, done: int, total: int) -> None:
        """Show progress of the embedding before training."""
        now = time.monotonic()
        if now - self._last_line > 15:
            self._last_line = now
            self.say(f"embedding views: {done} of {total}")

    def show(self, step: int, means: dict[str, float]) -> None:
        """Show progress of training: speed, loss, share of pseudo-labels kept."""
        now = time.monotonic()
        speed = (step - self._began[1]) / max(1e-9, now - self._began[0])
        seen = f"{speed:.1f} steps/s, loss {means.get('loss', float('nan')):.3f}"
        if "share_kept" in means:
            seen += f", share kept {means['share_kept']:.2f}"
        self.bar.update(self.task, completed=step, seen=seen)
        if not self.live and now - self._last_line > 30:
            self._last_line = now
            left = (self.steps - step) / max(1e-9, speed)
            self.say(f"step {step} of {self.steps}, {duration(left)} left, {seen}")

    def __enter__(self) -> "Progress":
        self.bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.__exit__(kind, error, trace)


def duration(seconds: float) -> str:
    """Format seconds as ``45 s``, ``12 min`` or ``3.5 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
