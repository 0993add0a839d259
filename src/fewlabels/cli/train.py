"""``fewlabels train DATA``."""

from pathlib import Path

from fewlabels.cli.parser import Parser, add_training_options, split_method_parameters
from fewlabels.options import TrainOptions, read_config
from fewlabels.run.train import train


def arguments(parser: Parser) -> None:
    """Add all options of a run."""
    parser.add_argument("data", nargs="?", metavar="DATA", help="a folder of images, or the name of a known data set")
    parser.add_argument("--config", metavar="FILE", help="options from a YAML file; the command line takes precedence")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out where it stopped")
    parser.add_argument(
        "--method.PARAM", metavar="VALUE", help="a parameter of the method; `fewlabels methods NAME` lists them"
    )
    add_training_options(parser)


def read_options(parser: Parser, argv: list[str]) -> tuple[TrainOptions, bool]:
    """Read options from the command line and, with lower precedence, from the configuration file."""
    rest, parameters = split_method_parameters(argv)
    args = vars(parser.parse(rest))
    config, resume, data = args.pop("config"), args.pop("resume"), args.pop("data")
    del args["debug"], args["method.PARAM"]
    values = read_config(Path(config)) if config else {}
    if parameters:
        same = args.get("method", values.get("method")) == values.get("method")
        args["parameters"] = {**(values.get("parameters", {}) if same else {}), **parameters}
    elif "method" in args and args["method"] != values.get("method"):
        args["parameters"] = {}
    return TrainOptions().replaced({**values, **args, **({"data": data} if data else {})}), resume


def run(parser: Parser, argv: list[str]) -> None:
    """Train, and print the result and where the report is."""
    options, resume = read_options(parser, argv)
    out = train(options, resume, say=lambda line: print(line, flush=True))
    from fewlabels.cli.verdict import verdict

    print(verdict(out))
