import json
import sys

import pytest

from votebox.deployments import check_model
from votebox.deployments.model_source import is_mini
from votebox.plugins import EngineError


def test_mini_is_found_in_the_package():
    for source in (None, "mini", "votebox-mini"):
        assert check_model(source).endswith("mini")


def test_folder_of_mini_is_mini_too():
    assert is_mini(check_model(None))
    assert not is_mini("Qwen/QwQ-32B-AWQ")


def test_hub_id_is_left_to_the_engine():
    assert check_model("Qwen/QwQ-32B-AWQ") == "Qwen/QwQ-32B-AWQ"


def test_folder_with_a_model_is_given_absolute(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2"}))
    (folder / "model.safetensors").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert check_model("./model") == str(folder)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "config.json cannot be read"),
        ({"config.json": "{"}, "is not JSON"),
        ({"config.json": "{}"}, "has no weights"),
    ],
)
def test_folder_without_a_model_is_one_clear_line(tmp_path, files, problem):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(EngineError, match=problem) as caught:
        check_model(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "give a folder" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["/no/such/folder", "./nothing", "nothing"])
def test_missing_folder_is_named(source):
    with pytest.raises(EngineError, match="does not exist"):
        check_model(source)


def test_file_is_no_model_folder(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"")
    with pytest.raises(EngineError, match="is not a folder"):
        check_model(str(path))


def test_checking_imports_nothing_heavy():
    # In a process of its own: this one has imported everything already.
    import subprocess

    code = (
        "import sys; import votebox.deployments as d; d.check_model(None);"
        "d.EmbeddedEngine(); d.EndpointEngine('http://localhost/v1');"
        "print([m for m in ('ray', 'torch', 'vllm', 'transformers') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
