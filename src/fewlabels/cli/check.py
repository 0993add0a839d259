"""``fewlabels check DATA``."""

from pathlib import Path

from fewlabels.cli.parser import Parser


def arguments(parser: Parser) -> None:
    """The data."""
    parser.add_argument("data", metavar="DATA", help="a folder of images, or the name of a known data set")
    parser.add_argument("--labels", metavar="CSV", help="CSV as for train (default: labels.csv in the folder)")
    parser.add_argument("--task", choices=["classify", "multilabel", "localize"], help="default: what the data are for")
    parser.add_argument("--boxes", metavar="CSV", help="localize: true boxes (default: boxes.csv in the folder)")
    parser.add_argument("--root", metavar="PATH", default=".", help="where known data sets lie")


def run(parser: Parser, argv: list[str]) -> int:
    """List every fault and note; exit code 2 where there is a fault."""
    args = parser.parse(argv)
    from fewlabels.data.check import check, check_boxes
    from fewlabels.data.read_marks import check_marks
    from fewlabels.options import TrainOptions
    from fewlabels.tasks.choose import has_marks

    task = args.task or ("multilabel" if has_marks(Path(args.data), args.labels) else "classify")
    look = check_marks if task == "multilabel" else check
    report = look(args.data, Path(args.labels) if args.labels else None, Path(args.root))
    if task != "multilabel":
        report = check_boxes(report, TrainOptions(data=args.data, labels=args.labels, boxes=args.boxes, root=args.root))
    print("\n".join(report.lines()))
    return 2 if report.faults else 0
