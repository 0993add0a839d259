"""``fewlabels evaluate RUN DATA``."""

from pathlib import Path

from fewlabels.cli.parser import Parser


def arguments(parser: Parser) -> None:
    """Add the model, and the labelled data."""
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("data", metavar="DATA", help="a folder of images, or the name of a known data set")
    parser.add_argument("--labels", metavar="CSV", help="CSV as for train (default: labels.csv in the folder)")
    parser.add_argument("--boxes", metavar="CSV", help="true boxes: path,x0,y0,x1,y1 (default: boxes.csv there)")
    parser.add_argument(
        "--map", metavar="NAME", help="take boxes from this map of the classifier: cam, grad-cam, layer-cam, info-cam"
    )
    parser.add_argument(
        "--max-box-acc",
        action="store_true",
        help="also compute MaxBoxAcc, which chooses its threshold with the true boxes; slow",
    )
    parser.add_argument("--root", metavar="PATH", default=".", help="directory of the known data sets")
    parser.add_argument("--split", choices=["train", "val", "test"], help="evaluate only the images of this split")
    parser.add_argument("--skip-bad", action="store_true", help="leave out faulty files and rows")
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:N or mps (default: cuda or mps where available)"
    )


def run(parser: Parser, argv: list[str]) -> None:
    """Print one figure per line."""
    args = parser.parse(argv)
    from fewlabels.run.evaluate import evaluate

    figures = evaluate(
        Path(args.run), args.data, args.split, labels=args.labels, boxes=args.boxes, root=args.root, map=args.map,
        max_box_acc=args.max_box_acc, skip_bad=args.skip_bad, device=args.device,
    )  # fmt: skip
    for name, value in figures.items():
        print(f"{name} {value:.6f}" if isinstance(value, float) else f"{name} {'none' if value is None else value}")
