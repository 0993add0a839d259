"""The worked example in CONTRIBUTING.md is a method that trains."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from tests.tiny import tiny_options, write_tiny

from fewlabels.cli.methods import describe
from fewlabels.methods import catalogue
from fewlabels.run.train import train


def test_the_example_is_found_described_and_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "entropy_minimisation.py"
    file.write_text(code)
    spec = spec_from_file_location("fewlabels.methods.classify.entropy_minimisation", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, spec.name, module)
    spec.loader.exec_module(module)
    files = catalogue.method_files()
    monkeypatch.setattr(catalogue, "method_files", lambda task="classify": files | {"entropy-minimisation": file})

    assert "--method.weight" in describe("entropy-minimisation")
    options = tiny_options(write_tiny(tmp_path), "entropy-minimisation", tmp_path / "run", parameters={"weight": "0.2"})
    run = train(options, say=lambda _: None)
    assert "loss/entropy" in (run / "history.csv").read_text()
