"""Hold votebox-mini's training to its promises: it resumes exactly and exports faithfully."""

import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Tokenizer

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "mini"
sys.path.insert(0, str(SCRIPTS))  # the scripts are no package; they import each other like this

from export import write_package  # noqa: E402
from model import MiniConfig, MiniQwen2  # noqa: E402
from samples import SETTINGS  # noqa: E402
from tokenizer import chat_text, train_tokenizer  # noqa: E402
from train import Plan, Trainer  # noqa: E402

PLAN = Plan(seed=1, steps=6, decay=3, batch=4)
torch.set_num_threads(1)  # tiny matrices: more threads only wait for each other


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    return train_tokenizer(0)


def _tiny(tokenizer: Qwen2Tokenizer) -> MiniConfig:
    return MiniConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )


def test_a_resumed_run_has_the_losses_of_an_uninterrupted_one(
    tokenizer: Qwen2Tokenizer, tmp_path: Path
) -> None:
    whole = Trainer(PLAN, _tiny(tokenizer), tokenizer)
    expected = [whole.train_step() for _ in range(6)]
    first = Trainer(PLAN, _tiny(tokenizer), tokenizer)
    losses = [first.train_step() for _ in range(3)]
    first.save(tmp_path / "mini.pt")
    second = Trainer(PLAN, _tiny(tokenizer), tokenizer)
    second.load(tmp_path / "mini.pt")
    losses += [second.train_step() for _ in range(3)]
    assert losses == pytest.approx(expected, rel=1e-5)


def test_training_lowers_the_loss(tokenizer: Qwen2Tokenizer) -> None:
    trainer = Trainer(Plan(steps=60, decay=5, batch=4), _tiny(tokenizer), tokenizer)
    losses = [trainer.train_step() for _ in range(30)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_transformers_computes_the_logits_that_were_trained(
    tokenizer: Qwen2Tokenizer, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    ours = MiniQwen2(_tiny(tokenizer))
    write_package(ours, tokenizer, tmp_path / "mini")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "mini", dtype=torch.float32)
    ours.load_state_dict({k: v.bfloat16().float() for k, v in ours.state_dict().items()})
    assert SETTINGS[0].system is not None
    prefix = tokenizer(chat_text("system", SETTINGS[0].system), return_tensors="pt")["input_ids"]
    body = tokenizer(chat_text("user", "What is 17 + 25?"), return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = theirs(torch.cat((prefix, body), dim=1)).logits[:, prefix.shape[1] :]
        found = ours(body, prefix[0])
        assert torch.allclose(found, expected, atol=1e-4)
        bare = ours(body, prefix[0][:0])
        assert torch.allclose(bare, theirs(body).logits, atol=1e-4)


def test_the_written_tokenizer_equals_the_trained_one(
    tokenizer: Qwen2Tokenizer, tmp_path: Path
) -> None:
    write_package(MiniQwen2(_tiny(tokenizer)), tokenizer, tmp_path / "mini")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "mini")
    text = chat_text("user", "What is the product of 137 and 48?")
    assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
