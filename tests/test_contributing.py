"""The worked example in CONTRIBUTING.md is a method that trains, in another package."""

import re
import tomllib
from pathlib import Path

import pytest
from tests.packages import write_package
from tests.tiny import tiny_options, write_tiny

from fewlabels.cli.methods import describe
from fewlabels.run.train import train

NAME = "entropy-minimisation"


def test_the_example_is_found_described_and_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (entry,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    points = tomllib.loads(entry)["project"]["entry-points"]
    value = points["fewlabels.methods.classify"][NAME].replace("your_package.entropy_minimisation", "your_package")
    package = write_package(tmp_path / "packages", "your_package", code, {"fewlabels.methods.classify": {NAME: value}})
    monkeypatch.syspath_prepend(str(package))

    assert "--method.weight" in describe(NAME)
    options = tiny_options(write_tiny(tmp_path), NAME, tmp_path / "run", parameters={"weight": "0.2"})
    run = train(options, say=lambda _: None)
    assert "loss/entropy" in (run / "history.csv").read_text()
