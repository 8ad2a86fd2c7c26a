"""The command: which file goes where, and what it says."""

import pytest

from server_app.cli import main


def test_a_model_goes_into_its_run(copied, capsys):
    assert main(["export", str(copied), "--to", "python", "--member", "7"]) == 0
    home = copied / "export" / "python-trial-0007"
    assert sorted(path.name for path in home.iterdir()) == ["README.md", "model.json", "model.py", "weights.pt"]
    out = capsys.readouterr().out
    assert "on the nodes' validation examples" in out
    assert f"written to {home}: model.py, weights.pt, README.md" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "tflite"], "format must be one of ['executorch', 'onnx', 'python', 'safetensors', 'torch_export']"),
        (["--to", "python", "--quantize", "int8"], "This format has no numbers of 8 bits"),
        (["--optuna", "file", "--member", "3"], "--member is for --to only"),
        (["--to", "python", "--data", "nowhere.csv"], "The file must exist"),
    ],
)
def test_what_is_wrong_is_said(copied, capsys, words, said):
    assert main(["export", str(copied), *words]) == 1
    assert said in capsys.readouterr().err
    assert not (copied / "export").exists()
