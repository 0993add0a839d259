"""The command line as a user runs it: what it says, where it says it, and how soon."""

import re
import resource
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import FAST, Call, shell, state_of

from fewlabels.cli.main import COMMANDS
from fewlabels.cli.parser import Parser
from fewlabels.cli.train import arguments, read_options

QUICK = """
import sys
from fewlabels.cli.main import main
for words in sys.argv[1].split(";"):
    print("code", main(words.split()), file=sys.stderr)
print("heavy", [name for name in ("torch", "numpy", "PIL", "sklearn", "timm") if name in sys.modules], file=sys.stderr)
"""
MISTAKES = {
    "trian digits": "train",
    "--versoin": "--version",
    "train digits --method fixmatch --step 3": "--steps",
    "train digits --method fixmtach": "fixmatch",
    "train digits --method fixmatch --method.treshold 0.9": "threshold",
    "train digits --method fixmatch --schedule cosin": "cosine",
    "train --method fixmatch": "digits",
    "predict": "RUN",
    "evaluate RUN digits --split tset": "test",
    "predict RUN": "IMAGES",
    "report": "RUN",
    "methods fixmtach": "fixmatch",
}
"""What was typed wrongly, and a word that its error must hold."""


def read(*argv: str) -> tuple:
    parser = Parser(prog="fewlabels train")
    arguments(parser)
    parser.add_argument("--debug", action="store_true")
    return read_options(parser, list(argv))


def test_help_and_usage_errors_need_neither_torch_nor_numpy() -> None:
    commands = [f"{name} --help" for name in COMMANDS]
    mistakes = [words for words in MISTAKES if not words.startswith("methods")]
    done = shell(";".join(["--help", *commands, "--version", *mistakes]), code=QUICK)
    assert done.stderr.splitlines()[-1] == "heavy []"
    codes = re.findall(r"^code (\d+)$", done.stderr, re.MULTILINE)
    assert codes == ["0"] * (len(commands) + 2) + ["2"] * len(mistakes)


@pytest.mark.parametrize("words", ["--help", "train --help", "train digits --method fixmtach"])
def test_help_and_usage_errors_answer_in_half_a_second(words: str) -> None:
    """In processor time of the command, because other tests keep the machine busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shell(*words.split())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line_that_holds_the_word_that_was_meant(call: Call, words: str) -> None:
    assert MISTAKES[words] in call(*words.split()).error


def test_version_names_ours_and_torchs(call: Call) -> None:
    assert call("--version").out == f"fewlabels {version('fewlabels')} (torch {version('torch')})\n"


def test_help_lists_every_command_and_a_commands_help_every_option(call: Call) -> None:
    overview = call("--help").out
    assert all(re.search(rf"^  {name} ", overview, re.MULTILINE) for name in COMMANDS)
    text = call("train", "--help").out
    for option in ("--num-labels", "--label-seed", "--val-fraction", "--skip-bad", "--freeze", "--debug", "--resume"):
        assert f"{option}" in text


@pytest.mark.parametrize("option", ["--meth", "--num-label", "--devic", "--see"])
def test_options_are_never_abbreviated(call: Call, option: str) -> None:
    assert f"'{option}'" in call("train", "digits", "--method", "fixmatch", option, "1").error


def test_a_real_process_says_its_error_on_stderr_alone_and_plainly() -> None:
    done = shell("train", "digits", "--method", "fixmtach")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fewlabels: ")
    assert done.stderr.count("\n") == 1
    assert "'fixmtach'" in done.stderr


def test_output_into_a_pipe_has_no_escapes(digits: Path, tmp_path: Path) -> None:
    done = shell("train", digits, "--method", "supervised", "--out", tmp_path / "run", *FAST)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_debug_shows_the_traceback_and_still_exits_with_2(call: Call) -> None:
    answer = call("train", "no-such-folder", "--method", "fixmatch", "--debug")
    assert answer.code == 2
    assert "Traceback" in answer.err
    assert answer.err.splitlines()[-1].startswith("fewlabels: no folder 'no-such-folder'")


def test_the_command_line_beats_the_configuration_in_either_order(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("data: digits\nmethod: fixmatch\nsteps: 7\nlr: 0.5\nparameters: {mu: 3, threshold: 0.8}\n")
    typed = ("--steps", "9", "--method.mu", "5")
    before, _ = read(*typed, "--config", str(config))
    after, _ = read("--config", str(config), *typed)
    assert before == after
    assert (before.steps, before.lr, before.data, before.method) == (9, 0.5, "digits", "fixmatch")
    assert before.parameters == {"mu": "5", "threshold": 0.8}


def test_another_method_does_not_inherit_the_parameters_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("data: digits\nmethod: fixmatch\nparameters: {mu: 3}\n")
    options, _ = read("--config", str(tmp_path / "c.yaml"), "--method", "supervised")
    assert options.parameters == {}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("stesp: 3", "--steps"), ("parameters: {treshold: 1}", "threshold"), ("steps: many", "whole number"),
        ("schedule: cosin", "cosine"), ("skip_bad: 1", "true or false"), ("lr: .inf", "out of range"),
        ("lr: .nan", "out of range"), ("labels: [a, b]", "text"), ("3: 4", "'--3'"), ("steps: [", "YAML"),
        ("data: 2026-13-45", "YAML"), ("", ""),
    ],
)  # fmt: skip
def test_a_mistake_in_a_configuration_is_named(call: Call, tmp_path: Path, line: str, meant: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"method: fixmatch\n{line}\n")
    answer = call("train", *(["digits"] if line else []), "--config", config, "--out", tmp_path / "run")
    assert meant in answer.error
    assert not (tmp_path / "run").exists()


def test_an_unknown_key_of_a_configuration_names_the_file(call: Call, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("stesp: 3\n")
    assert str(tmp_path / "c.yaml") in call("train", "digits", "--config", tmp_path / "c.yaml").error
    assert "no such file" in call("train", "digits", "--config", tmp_path / "d.yaml").error
    assert str(tmp_path) in call("train", "digits", "--config", tmp_path).error


def test_the_configuration_of_a_finished_run_repeats_it(call: Call, trained: Path, tmp_path: Path) -> None:
    assert call("train", "--config", trained / "config.yaml", "--out", tmp_path / "again").code == 0
    first, again = state_of(trained), state_of(tmp_path / "again")
    for name in ("model.safetensors", "model.json", "labels.csv"):
        assert again[name] == first[name]
    configs = [yaml.safe_load((run / "config.yaml").read_text()) for run in (trained, tmp_path / "again")]
    assert configs[0] | {"out": ""} == configs[1] | {"out": ""}


def test_python_m_is_the_console_script() -> None:
    entry = Path(sys.executable).parent / "fewlabels"
    if not entry.exists():
        pytest.skip("the package is not installed")
    assert "fewlabels.cli.main" in entry.read_text()
