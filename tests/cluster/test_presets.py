"""Presets: files that `serve deploy` takes, and what they must say."""

import os
from pathlib import Path

import pytest
import yaml

from votebox.cluster.errors import BadUsage
from votebox.cluster.preset import load_preset, preset_names, serve_config
from votebox.deployments import AppArgs
from votebox.plugins import Registry

QWQ = [name for name in preset_names() if name.startswith("qwq-")]
KAGGLE = {
    "max_model_len": 32768,
    "gpu_memory_utilization": 0.96,
    "enable_prefix_caching": True,
    "reasoning_parser": "deepseek_r1",
}


def test_ray_serve_takes_every_preset_unchanged() -> None:
    from ray.serve.schema import ServeDeploySchema

    for name in preset_names():
        config = serve_config(name)
        schema = ServeDeploySchema.model_validate(config)
        known = schema.model_dump(exclude_unset=True)
        assert set(config) == set(known), name  # Ray ignores keys it does not know
        (given,), (taken,) = config["applications"], known["applications"]
        assert given == taken, name
        assert given["import_path"] == "votebox.deployments.app:build"


def test_a_preset_serves_every_role_of_its_recipe() -> None:
    recipes = Registry.load(allowed=()).recipes
    for name in preset_names():
        args = AppArgs.model_validate(load_preset(name))
        needed = set(recipes[args.solver.recipe].roles)
        assert len(args.models) == 1 or needed <= set(args.models), name


def test_the_architect_and_the_editor_are_two_deployments() -> None:
    args = AppArgs.model_validate(load_preset("architect-editor"))
    assert set(args.models) == {"architect", "editor"}
    assert len({m.source for m in args.models.values()}) == 2


@pytest.mark.parametrize("name", QWQ)
def test_qwq_has_the_engine_of_the_pipeline_at_its_width(name: str) -> None:
    args = AppArgs.model_validate(load_preset(name))
    (model,) = args.models.values()
    width = {"tp1": 1, "tp2": 2}.get(name.rpartition("-")[2], 4)
    assert (model.kind, model.tensor_parallel_size) == ("cluster", width)
    assert model.source == ("Qwen/QwQ-32B-AWQ" if "awq" in name else "Qwen/QwQ-32B")
    assert model.engine_kwargs == KAGGLE
    assert model.trust_remote_code is False
    assert args.solver.recipe == "aimo-qwq"


@pytest.mark.parametrize("name", [n for n in preset_names() if n != "mini"])
def test_every_part_of_a_cluster_scales_with_load(name: str) -> None:
    args = AppArgs.model_validate(load_preset(name))
    parts = [*args.models.values(), args.sandbox, args.solver]
    assert all(part.min_replicas < part.max_replicas for part in parts)
    assert args.sandbox.num_cpus == args.sandbox.workers  # or a full node gets no neighbour


def test_a_cluster_s_old_solvers_may_end_the_longest_solve_there_is() -> None:
    recipes = Registry.load(allowed=()).recipes.values()
    longest_s = max(recipe.budget.deadline_s or 0 for recipe in recipes)
    for name in set(preset_names()) - {"mini"}:
        assert AppArgs.model_validate(load_preset(name)).update.drain_s > longest_s, name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("applications: []", "0 applications with import_path"),
        ("- 1", "0 applications with import_path"),
        ("applications: [{import_path: 'os:system', args: {}}]", "0 applications"),
        ("a: [", "cannot be read"),
        (
            "applications: [{import_path: 'votebox.deployments.app:build', args: {sandbx: {}}}]",
            "sandbx",
        ),
        (
            "applications: [{import_path: 'votebox.deployments.app:build', args: 3}]",
            "valid dictionary",
        ),
    ],
)
def test_a_file_that_is_no_preset_is_refused_by_name(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(BadUsage, match=message):
        load_preset(str(file))


BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{name}: &{name} [*{below}, *{below}]"
    for below, name in zip("abcdefghijklmnopq", "bcdefghijklmnopqr", strict=True)
)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("own.yaml", BOMB.encode(), r"line 2: the alias \*a: write it out"),
        ("own.yaml", b"[" * 100_000, "line 1 is nested deeper than 64 levels"),
        ("own.yaml", b"a: 1\na: 2\n", "line 2: 'a' is there twice"),
        ("own.yaml", b"applications: \xff", "byte 14 is no UTF-8"),
        ("own.yaml", b"# " + b"x" * 2**20, "larger than 1,048,576 bytes"),
        ("own.yaml", b"a: 1\n---\na: 2\n", "holds 2 documents"),
        ("own.yaml", b"a: 2026-11-24", "a is a date: put it in quotes"),
        ("own.yaml", b"a: 2026-02-31", "day is out of range"),
        ("own.yaml", b"a: .inf", "a is inf: give a number"),
        ("own.yaml", b"on: 1", "has a field True: put it in quotes"),
        ("own.yaml", b"a: !!binary aGk=", "a is a bytes: put it in quotes"),
        ("own.yaml", b"a: !!python/object/apply:os.system [id]", "could not determine a construct"),
        ("own.yaml", b"a: !!set {x, y}", "a is a set"),
        ("own.yaml", b"a: " + b"9" * 5_000, "integer string conversion"),
        ("own.yaml", b"a: [1, 2", "line 2: did not find"),
        ("own.yaml", b"a: \x07", "control characters"),
        ("own.toml", b"a = [" + b"[" * 50_000, "nested too deep"),
        ("own.toml", b"a = 2026-11-24", "a is a date: put it in quotes"),
        ("own.toml", b"a = nan", "a is nan"),
        ("own.toml", b"a = 1\na = 2", "Cannot overwrite"),
        ("own.toml", b"a = \xff", "no UTF-8"),
    ],
)
def test_a_file_that_yaml_or_toml_would_take_and_nobody_means_is_refused(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(BadUsage, match=f"cannot be read: .*{message}"):
        serve_config(str(file))


def test_a_path_that_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    for name in ("pipe.yaml", "folder.yaml", "zero.yaml"):
        with pytest.raises(BadUsage, match="no regular file"):
            serve_config(str(tmp_path / name))
    for name in ("loop.yaml", "none.yaml"):
        with pytest.raises(BadUsage, match="cannot be read"):
            serve_config(str(tmp_path / name))


@pytest.mark.parametrize("name", ["../presets/mini", "", "mini\x1b[31m\n", "mini.json", "-"])
def test_a_name_that_is_no_preset_is_refused_on_one_line(name: str) -> None:
    with pytest.raises(BadUsage, match="there is no preset") as caught:
        serve_config(name)
    assert str(caught.value).isprintable()


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    toml, written = tmp_path / "own.toml", tmp_path / "own.yaml"
    toml.write_text('[solver]\nrecipe = "solo"\n')
    app = {"import_path": "votebox.deployments.app:build", "args": {"solver": {"recipe": "solo"}}}
    written.write_text(yaml.safe_dump({"applications": [app]}))
    assert load_preset(str(toml)) == load_preset(str(written)) == app["args"]
