"""``fewlabels predict RUN IMAGES``."""

import sys
from pathlib import Path

from fewlabels.cli.output import check_place, write_result
from fewlabels.cli.parser import Parser


def arguments(parser: Parser) -> None:
    """Add the model, the images, and the output."""
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("images", metavar="IMAGES", help="a folder of images, or one image")
    parser.add_argument("--out", metavar="CSV", help="the file to write (default: to the terminal)")
    parser.add_argument("--probabilities", action="store_true", help="add a column with the probability of each class")
    parser.add_argument("--skip-bad", action="store_true", help="leave out files that can't be read")
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, cuda:N or mps (default: cuda or mps where available)"
    )


def run(parser: Parser, argv: list[str]) -> None:
    """Write path, label and confidence for every image."""
    args = parser.parse(argv)
    check_place(args.out)
    from fewlabels.run.predict import predict

    predicted, notes = predict(Path(args.run), Path(args.images), args.device, args.skip_bad)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    text = predicted.to_csv(args.probabilities)
    write_result(text, args.out, f"{len(predicted.paths)} images")
