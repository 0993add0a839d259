"""``fewlabels check DATA``."""

from pathlib import Path

from fewlabels.cli.parser import Parser

_WITH_BOXES = ("classify", "localize")
"""Tasks whose data may have true boxes."""


def arguments(parser: Parser) -> None:
    """Add the data, and where their labels and boxes are."""
    parser.add_argument("data", metavar="DATA", help="a folder of images, or the name of a known data set")
    parser.add_argument("--labels", metavar="CSV", help="CSV with the labels (default: labels.csv in the folder)")
    parser.add_argument(
        "--task", metavar="NAME", help="classify, multilabel, localize, or a task of another package (default: guessed)"
    )
    parser.add_argument("--boxes", metavar="CSV", help="localize: true boxes (default: boxes.csv in the folder)")
    parser.add_argument("--root", metavar="PATH", default=".", help="directory of the known data sets")


def run(parser: Parser, argv: list[str]) -> int:
    """List every fault and note. Return exit code 2 if there is a fault."""
    args = parser.parse(argv)
    from fewlabels.data.check import check, check_boxes
    from fewlabels.options import TrainOptions
    from fewlabels.tasks.choose import has_marks
    from fewlabels.tasks.task import load_task

    task = args.task or ("multilabel" if has_marks(Path(args.data), args.labels) else "classify")
    labels = Path(args.labels) if args.labels else None
    report = check(load_task(task).label_kind, args.data, labels, Path(args.root))
    if task in _WITH_BOXES:
        report = check_boxes(report, TrainOptions(data=args.data, labels=args.labels, boxes=args.boxes, root=args.root))
    print("\n".join(report.lines()))
    return 2 if report.faults else 0
