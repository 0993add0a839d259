"""``fewlabels report RUN [RUN ...]``."""

from pathlib import Path

from fewlabels.cli.output import check_place
from fewlabels.cli.parser import Parser


def arguments(parser: Parser) -> None:
    """Add the runs, and where to write."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folders")
    parser.add_argument(
        "--out", metavar="HTML", help="page to write (default: report.html here; of a single run, its own page)"
    )


def run(parser: Parser, argv: list[str]) -> None:
    """Write the page of one run again, or put several runs on one page."""
    args = parser.parse(argv)
    check_place(args.out)
    from fewlabels.errors import UserError
    from fewlabels.files import write_text
    from fewlabels.report.island import read_face
    from fewlabels.report.page import render
    from fewlabels.tasks.task import face_of

    pages = [Path(run) / "report.html" for run in args.runs]
    for page in pages:
        if not page.is_file():
            raise UserError(f"{page.parent} has no report.html: not a run, or not finished; train with --resume")
    out = Path(args.out) if args.out else pages[0] if len(pages) == 1 else Path("report.html")
    if out.exists() and not args.out and out not in pages:
        raise UserError(f"{out} already exists; name another file with --out")
    write_text(out, render([read_face(page, face_of) for page in pages]))
    print(out)
