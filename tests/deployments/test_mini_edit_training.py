"""Hold the editor's training to its promises: it starts from a package, resumes, and learns."""

# ruff: noqa: S311 - edits are drawn, no secrets
import random
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, Qwen2Tokenizer

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "deployments" / "mini"
sys.path.insert(0, str(ROOT / "benchmarks" / "mini"))  # the scripts import each other like this

from edit_samples import edit_sample  # noqa: E402
from edit_train import EditTrainer, exact_share, load_weights  # noqa: E402
from edits import make_edit  # noqa: E402
from export import write_package  # noqa: E402
from model import MiniConfig, MiniQwen2  # noqa: E402
from train import Plan  # noqa: E402

TINY = MiniConfig(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=2,
)
TINY_PLAN = Plan(seed=1, steps=60, decay=5, batch=4)
torch.set_num_threads(1)  # tiny matrices: more threads only wait for each other


@pytest.fixture(scope="module")
def tokenizer() -> Qwen2Tokenizer:
    return AutoTokenizer.from_pretrained(PACKAGE)


def test_training_starts_from_the_weights_of_a_package(
    tokenizer: Qwen2Tokenizer, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    first, second = MiniQwen2(TINY), MiniQwen2(TINY)
    write_package(first, tokenizer, tmp_path / "made")
    load_weights(second, tmp_path / "made")
    for name, value in first.state_dict().items():
        assert torch.equal(second.state_dict()[name], value.bfloat16().float()), name


def test_training_on_edits_lowers_the_loss_and_resumes(
    tokenizer: Qwen2Tokenizer, tmp_path: Path
) -> None:
    trainer = EditTrainer(TINY_PLAN, TINY, tokenizer)
    losses = [trainer.train_step() for _ in range(26)]
    trainer.save(tmp_path / "editor.pt")
    again = EditTrainer(TINY_PLAN, TINY, tokenizer)
    again.load(tmp_path / "editor.pt")
    assert sum(losses[-4:]) < 0.95 * sum(losses[:4])
    assert again.train_step() == pytest.approx(trainer.train_step(), rel=1e-5)


def test_a_model_that_says_what_comes_next_is_right_to_the_letter(
    tokenizer: Qwen2Tokenizer,
) -> None:
    trainer, rng = EditTrainer(TINY_PLAN, TINY, tokenizer), random.Random(2)
    batches = trainer.encoded([edit_sample(make_edit(rng)) for _ in range(3)])

    def knowing(tokens: Tensor, prefix: Tensor) -> Tensor:
        # What comes behind the last token is the end of a turn, which nobody learns.
        return functional.one_hot(tokens.roll(-1, dims=1), len(tokenizer)).float()

    def missing_one(tokens: Tensor, prefix: Tensor) -> Tensor:
        logits = knowing(tokens, prefix)
        learned = next(b.learned for b in batches if b.tokens[:, :-1].equal(tokens))
        logits[0, int(learned[0, 1:].nonzero()[-1])] = 0.0
        return logits

    assert exact_share(knowing, batches) == 1.0
    assert exact_share(missing_one, batches[:1]) == 0.0
    assert exact_share(trainer.model, batches) == 0.0
