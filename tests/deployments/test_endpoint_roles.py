"""The endpoint file: what it says is taken whole, what it must not say is refused by name."""

from pathlib import Path
from typing import Any

import pytest

from votebox.deployments.endpoint_roles import EndpointsError, read_endpoints, serving

WHOLE = """
[architect]
url = "https://openrouter.ai/api/v1/"
model = "qwen/qwq-32b"
key_env = "ROUTER_KEY"
context_min = 40_960
block = ["Mancer", "Fireworks"]
[architect.sampling]
temperature = 0.6
top_p = 0.95
stop = ["</answer>"]
[architect.extra]
reasoning = {effort = "high"}
[architect.extra.chat_template_kwargs]
enable_thinking = true
[architect.provider]
order = ["Parasail"]
allow_fallbacks = false
quantizations = ["bf16"]
[architect.price]
prompt = 0.15
completion = 0.6

[default]
url = "http://localhost:8000/v1"
"""


def read(tmp_path: Path, text: str) -> Any:
    (tmp_path / "roles.toml").write_text(text)
    return read_endpoints(tmp_path / "roles.toml")


def test_every_field_of_a_file_is_read(tmp_path: Path) -> None:
    tables = read(tmp_path, WHOLE)
    table = tables["architect"]
    assert table.url == "https://openrouter.ai/api/v1"
    assert table.sampling == {"temperature": 0.6, "top_p": 0.95, "stop": ("</answer>",)}
    assert table.rules.request() == {
        "reasoning": {"effort": "high"},
        "chat_template_kwargs": {"enable_thinking": True},
        "provider": {
            "order": ["Parasail"],
            "allow_fallbacks": False,
            "quantizations": ["bf16"],
        },
    }
    assert table.price.of(2_000_000, 1_000_000) == pytest.approx(0.9)
    assert tables["default"].key_env == ""


def test_the_default_table_serves_roles_without_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_KEY", "k")
    tables = read(tmp_path, WHOLE)
    found = serving("roles.toml", tables, ["architect", "editor"])
    assert (found["architect"].model, found["editor"].url) == (
        "qwen/qwq-32b",
        "http://localhost:8000/v1",
    )


def test_no_role_is_served_by_anothers_endpoint(tmp_path: Path) -> None:
    tables = read(tmp_path, '[architect]\nurl = "http://h/v1"\n')
    with pytest.raises(
        EndpointsError, match=r"role 'editor' \(architect\); add a table \[editor\]"
    ):
        serving("roles.toml", tables, ["architect", "editor"])


def test_a_key_that_is_not_there_is_told_by_the_name_of_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROUTER_KEY", raising=False)
    with pytest.raises(EndpointsError, match=r"roles.toml, \[architect\].*export ROUTER_KEY"):
        serving("roles.toml", read(tmp_path, WHOLE), ["architect"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no endpoint"),
        ("[a\n", "is no TOML"),
        ('url = "http://h/v1"', r"\[url\]: is no table"),
        ('["../x"]\nurl = "http://h"', "is no name of a role"),
        ('[a]\nmodel = "m"', r"\[a\]: url: .*required; add it"),
        ('[a]\nurl = "ftp://h"', "url: it is not an HTTP URL"),
        ('[a]\nurl = "http://h"\nmodle = "m"', r"modle: .*; known keys: .*model"),
        ('[a]\nurl = "http://h"\ncontext_min = "40k"', "context_min: '40k': .*integer"),
        ('[a]\nurl = "http://h"\ncontext_min = -1', "context_min: -1: .*greater"),
        ('[a]\nurl = "http://h"\nblock = "Mancer"', "block: 'Mancer': .*list"),
        ('[a]\nurl = "http://h"\nsampling = {top_p = 2}', "sampling: top_p = 2"),
        ('[a]\nurl = "http://h"\nsampling = {topp = 1}', "sampling has no 'topp'"),
        ('[a]\nurl = "http://h"\nprovider = {first = ["x"]}', "provider.first"),
        ('[a]\nurl = "http://h"\nextra = {messages = []}', "messages cannot stand in extra"),
        ('[a]\nurl = "http://h"\nextra = {at = 2026-01-01}', "what no JSON has"),
        ('[a]\nurl = "http://h"\nprice = {prompt = -1}', "price.prompt"),
    ],
)
def test_a_fault_is_told_with_its_table_key_value_and_fix(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(EndpointsError, match=message) as caught:
        read(tmp_path, text)
    assert "roles.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "sk-secret"',
        'key = "sk-secret"',
        'key_env = "sk-secret"',
        'url = "http://me:sk-secret@h/v1"',
        'url = "http://h/v1?key=sk-secret"',
        'extra = {api_key = "sk-secret"}',
    ],
)
def test_a_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    first = "" if line.startswith("url") else 'url = "http://h/v1"\n'
    with pytest.raises(EndpointsError, match=r"\[a\]") as caught:
        read(tmp_path, f"[a]\n{first}{line}\n")
    assert "sk-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EndpointsError, match="cannot be read.*check the path"):
        read_endpoints(tmp_path / "none.toml")
