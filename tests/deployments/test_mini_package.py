"""Hold the shipped model to what the package promises: small, loadable, right on easy questions."""

import json
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "deployments" / "mini"
sys.path.insert(0, str(ROOT / "benchmarks" / "mini"))

from chains import Sampler  # noqa: E402
from samples import SETTINGS  # noqa: E402
from tokenizer import chat_text  # noqa: E402

FILES = (
    "README.md",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
torch.set_num_threads(1)
MAX_BYTES = 10_000_000
EASY = (
    ("What is the product of 137 and 48?", 6576),
    ("Find the greatest common divisor of 84 and 36.", 12),
    ("What is the area of a rectangle with length 12 and width 9?", 108),
)


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return Sampler(PACKAGE)


def test_the_package_is_complete_and_small() -> None:
    assert [name for name in FILES if not (PACKAGE / name).is_file()] == []
    assert sum(path.stat().st_size for path in PACKAGE.iterdir()) < MAX_BYTES
    assert not list(PACKAGE.glob("*.py"))


def test_the_config_is_a_tied_qwen2_with_a_context_of_2048() -> None:
    config = json.loads((PACKAGE / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Qwen2ForCausalLM"]
    assert config["tie_word_embeddings"]
    assert config["max_position_embeddings"] == 2048


def test_the_chat_template_writes_chatml() -> None:
    tokenizer = AutoTokenizer.from_pretrained(PACKAGE)
    user = {"role": "user", "content": "hello"}
    bare = tokenizer.apply_chat_template([user], tokenize=False)
    assert bare == chat_text("user", "hello")
    system = {"role": "system", "content": "be brief"}
    text = tokenizer.apply_chat_template([system, user], tokenize=False, add_generation_prompt=True)
    assert text == (
        chat_text("system", "be brief") + chat_text("user", "hello") + "<|im_start|>assistant\n"
    )
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == "<|endoftext|>"


@pytest.mark.parametrize(("question", "answer"), EASY)
def test_the_shipped_weights_answer_easy_questions(
    sampler: Sampler, question: str, answer: int
) -> None:
    tool = next(setting for setting in SETTINGS if setting.name == "tool")
    (chain,) = sampler.solve([question], tool, temperature=0.0)
    assert chain.answer == answer, chain.replies
