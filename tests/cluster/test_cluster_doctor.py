"""The doctor of clusters: facts that nodes told, judged without Ray."""

import json
from dataclasses import replace

import pytest

from votebox.cluster.cluster_checks import ModelFacts, NodeFacts, Wanted, check_cluster
from votebox.cluster.cluster_doctor import wanted_of
from votebox.cluster.cluster_facts import look, model_facts, node_facts
from votebox.deployments import AppArgs

QWQ = ModelFacts("/models/qwq", layers=64, kv_heads=8, head_dim=128, weights_gib=18.0)
GPU = NodeFacts(
    "10.0.0.1",
    resources={"CPU": 32.0, "GPU": 4.0},
    versions={"python": "3.12.8", "ray": "2.60.0", "vllm": "0.29.0"},
    plugins={"votebox.builtin": "0.1.0", "extra": "1.0"},
    recipes={"aimo-qwq": "abc"},
    models={"Qwen/QwQ-32B-AWQ": QWQ},
    isolation="nsjail+fork+userns+seccomp+cgroup2",
    gpus_gib=(24.0,) * 4,
)
CPU = replace(
    GPU,
    node="10.0.0.2",
    resources={"CPU": 8.0},
    versions={"python": "3.12.8", "ray": "2.60.0"},
    models={},
    gpus_gib=(),
)
HERE = {"NodeManagerAddress": "here", "Resources": {"CPU": 2.0}}
TOLD = {
    "versions": {"ray": "2.60.0"},
    "plugins": {},
    "recipes": {},
    "models": {
        "a/b": {"folder": "/m", "layers": 1, "kv_heads": 1, "head_dim": 1, "weights_gib": 1}
    },
    "isolation": "nsjail",
    "jail": ("", ""),
    "gpus_gib": (24.0,),
    "environment": {},
}
WANTED = wanted_of("qwq-32b-awq")


def faults(nodes, wanted=WANTED):
    return {f.name: f for f in check_cluster(nodes, wanted) if f.state != "ok"}


def test_a_cluster_as_it_should_be_has_no_fault():
    assert faults([GPU, CPU]) == {}


def test_other_versions_plugins_and_recipes_are_named_with_their_nodes():
    odd = replace(
        CPU,
        versions={"python": "3.12.1", "ray": "2.60.0"},
        plugins={"votebox.builtin": "0.1.0"},
        recipes={"aimo-qwq": "def"},
    )
    found = faults([GPU, odd])
    assert set(found) == {"version python", "plugin extra", "recipe aimo-qwq"}
    assert found["plugin extra"].found == "1.0 on 10.0.0.1; none on 10.0.0.2"
    assert all(f.state == "fail" and f.fix for f in found.values())


def test_a_silent_node_is_a_fault_and_is_judged_no_further():
    silent = NodeFacts("10.0.0.3", problem="No module named 'votebox'")
    (fault,) = faults([GPU, silent]).values()
    assert (fault.name, fault.found) == ("node 10.0.0.3", "No module named 'votebox'")


def test_a_jail_must_run_wherever_a_sandbox_replica_may_be_placed():
    broken = replace(CPU, isolation=None, jail=("user namespaces are forbidden", "allow them"))
    fault = faults([GPU, broken])["jails"]
    assert "10.0.0.2: user namespaces are forbidden" in fault.found
    assert fault.fix.startswith("allow them")
    placed = replace(GPU, resources={**GPU.resources, "votebox_jails": 1.0})
    fields = WANTED.args.model_dump() | {"place": {"jails": "votebox_jails"}}
    wanted = replace(WANTED, args=AppArgs.model_validate(fields))
    assert faults([placed, broken], wanted) == {}
    assert "no node offers votebox_jails" in faults([GPU], wanted)["place jails"].found


@pytest.mark.parametrize(
    ("gpus", "state", "holds"),
    [((24.0,) * 4, None, 8), ((16.0,) * 4, "warn", 4), ((8.0,) * 4, "fail", 0)],
)
def test_memory_is_counted_in_chains_of_full_length(gpus, state, holds):
    # (gpus * 0.96 - 2 each - 18 of weights) / 8 GiB a chain, rounded down
    found = {f.name: f for f in check_cluster([replace(GPU, gpus_gib=gpus)], WANTED)}
    finding = found["memory of reasoner"]
    assert f": {holds} at once, the recipe has 5" in finding.found
    assert finding.state == (state or "ok")


def test_a_cache_of_half_the_bytes_holds_twice_the_chains():
    fields = WANTED.args.model_dump()
    fields["models"]["reasoner"]["engine_kwargs"]["kv_cache_dtype"] = "fp8"
    wanted = replace(WANTED, args=AppArgs.model_validate(fields))
    found = {f.name: f for f in check_cluster([GPU], wanted)}
    assert "4.0 GiB a chain" in found["memory of reasoner"].found


def test_too_few_gpus_on_one_node_are_a_fault_and_name_the_preset_that_fits():
    two = replace(GPU, gpus_gib=(24.0, 24.0))
    fault = faults([two, replace(two, node="10.0.0.9")])["GPUs of reasoner"]
    assert fault.found == "needs 4 GPUs on one node; the most is 2"
    assert "tensor_parallel_size 2" in fault.fix


def test_a_missing_model_is_fetched_at_the_first_start_so_it_is_a_warning():
    fault = faults([replace(GPU, models={})])["model reasoner"]
    assert fault.state == "warn"
    assert "hf download Qwen/QwQ-32B-AWQ" in fault.fix


def test_a_time_out_below_the_deadline_is_named_and_one_above_is_not():
    assert faults([GPU], replace(WANTED, request_timeout_s=300.0))["time-outs"].state == "warn"
    assert faults([GPU], replace(WANTED, request_timeout_s=900.0)) == {}
    low = replace(GPU, environment={"RAY_SERVE_LLM_ROUTER_HTTP_TIMEOUT": "60"})
    assert "=60 on 10.0.0.1" in faults([low])["time-outs"].found
    long = replace(WANTED, deadline_s=3600.0)
    told = [f for f in check_cluster([GPU], long) if f.name == "time-outs"]
    assert "Ray's own ingress, if you expose it, does after 600 s" in told[0].found


def test_a_node_tells_its_versions_plugins_recipes_jail_and_models():
    facts = node_facts(HERE, look(["votebox-mini", "nobody/nothing-at-all"]))
    assert facts.isolation
    assert facts.versions["python"].startswith("3.12.")
    assert set(facts.models) == {"votebox-mini"}
    assert "aimo-qwq" in facts.recipes
    assert check_cluster([facts], Wanted())[0].state == "ok"


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"versions": None}, "versions: Input should be a valid dictionary"),
        ({"versions": {"ray": 7}}, "versions.ray: "),
        (
            {"plugins": {str(i): "1" for i in range(2_001)}},
            "plugins: Dictionary should have at most",
        ),
        ({"models": {"a/b": {"folder": "/m"}}}, "models.a/b.layers: Field required"),
        ({"models": {"a/b": {**TOLD["models"]["a/b"], "layers": 10**400}}}, "models.a/b.layers: "),
        ({"gpus_gib": (float("nan"),)}, "gpus_gib.0: "),
        ({"gpus_gib": (-1.0,)}, "gpus_gib.0: "),
        ({"jail": ("only one",)}, "jail.1: Field required"),
    ],
)
def test_a_node_that_tells_nonsense_is_a_fault_and_no_traceback(lie, message):
    facts = node_facts(HERE, TOLD | lie)
    assert facts.problem.startswith("says what this votebox does not understand: ")
    assert message in facts.problem
    assert faults([GPU, facts])["node here"].state == "fail"


def test_a_node_of_an_older_votebox_is_named_by_the_field_it_lacks():
    older = {name: value for name, value in TOLD.items() if name != "environment"}
    assert "environment: Field required" in node_facts(HERE, older).problem
    assert node_facts(HERE, TOLD | {"of a newer one": 1}).problem == ""


def test_what_a_node_says_cannot_write_to_the_terminal_nor_fill_it():
    loud = "\x1b[2J\x1b]0;owned\x07red\u202e" + "x" * 1_000_000
    lies = {"versions": {"ray": loud, loud: "1"}, "isolation": loud, "jail": (loud, loud)}
    facts = node_facts({**HERE, "NodeManagerAddress": loud}, TOLD | lies)
    assert facts.problem == ""
    for finding in check_cluster([GPU, facts], WANTED):
        text = finding.found + finding.fix + finding.name
        assert text.isprintable()
        assert len(text) < 10_000


def test_a_node_without_cores_for_a_jail_need_not_run_one():
    head = replace(GPU, resources={}, isolation=None, jail=("forbidden", "allow"), gpus_gib=())
    assert "jails" not in faults([GPU, head])
    fault = faults([head])["jails"]
    assert fault.found == "no node may hold one, which takes 2 CPUs"


@pytest.mark.parametrize("given", [{}, {"max_model_len": 0}, {"max_model_len": "32k"}])
def test_chains_of_unknown_length_are_a_warning_and_not_passed_over(given):
    fields = WANTED.args.model_dump()
    fields["models"]["reasoner"]["engine_kwargs"] = given
    fault = faults([GPU], replace(WANTED, args=AppArgs.model_validate(fields)))[
        "memory of reasoner"
    ]
    assert (fault.state, fault.found[:26]) == ("warn", "max_model_len is not given")


def test_a_share_of_memory_that_is_no_number_counts_as_vllm_s_own():
    fields = WANTED.args.model_dump()
    fields["models"]["reasoner"]["engine_kwargs"]["gpu_memory_utilization"] = "much"
    assert faults([GPU], replace(WANTED, args=AppArgs.model_validate(fields))) == {}


def test_a_model_in_the_hub_s_cache_is_found_and_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    snapshot = tmp_path / "hub/models--a--b/snapshots/1"
    snapshot.mkdir(parents=True)
    (snapshot / "w.safetensors").write_bytes(b"0" * 1024)
    config = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}
    (snapshot / "config.json").write_text(json.dumps(config))
    facts = model_facts("a/b")
    assert facts == ModelFacts(str(snapshot), 2, 4, 16, 1024 / 2**30)
    assert facts.token_kib(2) == 2 * 2 * 4 * 16 * 2 / 1024
    assert model_facts("../../etc") is None
    assert model_facts("a/c") is None


HUGE = f'{{"num_attention_heads": 1, "hidden_size": 1, "num_hidden_layers": 1{"0" * 400}}}'


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"num_attention_heads": 0}', "nonsense", HUGE, "[" * 100_000, " " * 2**21],
    ids=range(7),
)
def test_a_config_of_unknown_shape_is_a_model_of_unknown_memory(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "w.safetensors").write_bytes(b"")
    facts = model_facts(str(tmp_path))
    assert facts is None or facts.token_kib(2) == 0
