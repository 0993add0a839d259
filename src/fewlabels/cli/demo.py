"""``fewlabels demo``: compare labels alone with ``--method auto``, on data that needs no download."""

from pathlib import Path
from statistics import mean, stdev

from fewlabels.cli.parser import Parser

LABELS = 20
DRAWS = 3
METHOD = "auto"


def arguments(parser: Parser) -> None:
    """Add the output folder."""
    parser.add_argument(
        "--out", metavar="FOLDER", default="runs/demo", help="the folder to create (default: runs/demo)"
    )


def run(parser: Parser, argv: list[str]) -> None:
    """Train on several label draws with and without the unlabelled images, and compare."""
    args = parser.parse(argv)
    from fewlabels.demo import demo

    accuracies = demo(Path(args.out), METHOD, LABELS, DRAWS, say=lambda line: print(line, flush=True))
    for name, values in accuracies.items():
        each = ", ".join(f"{100 * value:.1f}" for value in values)
        print(f"{name:<11} {100 * mean(values):.1f} % +- {100 * stdev(values):.1f} of the test images right ({each})")
    print(f"{Path(args.out) / 'report.html'}: the report")
