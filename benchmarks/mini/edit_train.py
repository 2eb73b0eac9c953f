"""Fine-tune votebox-mini into votebox-mini-editor and write its package data.

    uv run python benchmarks/mini/edit_train.py --out OUT

It starts from the weights in deployments/mini and keeps their tokenizer. As in `train.py`,
every step draws its samples from the seed and its own number, so a run can be resumed.
"""

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))

import torch
from edit_samples import edit_sample, edit_setting
from edits import edit_families, make_edit
from export import write_package
from model import MiniConfig, MiniQwen2
from safetensors.torch import load_file
from samples import Sample
from torch import Tensor
from train import CHUNKS, Batch, Plan, Trainer, run
from transformers import AutoTokenizer

__all__ = ["EditTrainer", "exact_share", "load_weights", "main"]

START: Final = Path(__file__).parents[2] / "deployments" / "mini"
PROBES: Final = 12
"""Held-out edits of each family that are tried on the way."""


def load_weights(model: MiniQwen2, folder: Path) -> None:
    """Take over the weights of a package folder, in the model's own precision."""
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name.removeprefix("model."): w for name, w in weights.items()})


class EditTrainer(Trainer):
    """Train on tiny edits instead of problems."""

    def batches(self, step: int) -> list[Batch]:
        """Draw the samples of a step, sorted by length, in a few pieces."""
        rng = random.Random(f"edits:{self.plan.seed}:{step}")
        made = (make_edit(rng) for _ in range(self.plan.batch))
        return self.encoded([edit_sample(edit) for edit in made])

    def encoded(self, samples: list[Sample]) -> list[Batch]:
        """Encode samples of the one setting, sorted by length, in a few pieces."""
        rows = sorted((self._encode(sample) for sample in samples), key=lambda row: len(row[0]))
        size = -(-len(rows) // CHUNKS)
        parts = (rows[i : i + size] for i in range(0, len(rows), size))
        return [self._batch(edit_setting(), part) for part in parts]


@torch.inference_mode()
def exact_share(model: Callable[[Tensor, Tensor], Tensor], batches: Sequence[Batch]) -> float:
    """Give the share of samples that greedy decoding would answer to the letter.

    That is so where the likeliest token is the right one at every learned place, each seen
    with the right tokens before it; `model` gives logits for tokens behind a prefix.
    """
    right = total = 0
    for batch in batches:
        best = model(batch.tokens[:, :-1], batch.prefix).argmax(-1)
        good = (best == batch.tokens[:, 1:]) | ~batch.learned[:, 1:]
        right, total = right + int(good.all(dim=1).sum()), total + len(good)
    return right / total


def _held_out(family: str) -> list[Sample]:
    rng = random.Random(f"edits:probe:{family}")
    return [edit_sample(make_edit(rng, family, evaluation=True)) for _ in range(PROBES)]


def _probe(trainer: EditTrainer) -> None:
    told = " ".join(
        f"{family} {100 * exact_share(trainer.model, trainer.encoded(_held_out(family))):.0f}"
        for family in edit_families()
    )
    print(f"step {trainer.step} exact {told}", flush=True)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fine-tune votebox-mini-editor.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the package data")
    parser.add_argument("--start", type=Path, default=START, help="model folder to start from")
    parser.add_argument("--checkpoint", type=Path, default=Path("votebox-mini-editor.pt"))
    parser.add_argument("--checkpoint-minutes", type=float, default=3.0)
    parser.add_argument("--probe-every", type=int, default=200, help="steps between probes")
    parser.add_argument("--resume", action="store_true", help="continue from --checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--decay", type=int, default=800)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Fine-tune from a package folder, then write another one."""
    arguments = _arguments(argv)
    torch.set_num_threads(arguments.threads)
    plan = Plan(arguments.seed, arguments.steps, arguments.decay, arguments.batch)
    tokenizer = AutoTokenizer.from_pretrained(arguments.start)
    trainer = EditTrainer(plan, MiniConfig(vocab_size=len(tokenizer)), tokenizer)
    load_weights(trainer.model, arguments.start)
    if arguments.resume:
        trainer.load(arguments.checkpoint)

    def after_step() -> None:
        if trainer.step % arguments.probe_every == 0:
            _probe(trainer)

    run(trainer, arguments.checkpoint, arguments.checkpoint_minutes, after_step=after_step)
    write_package(trainer.model, tokenizer, arguments.out)


if __name__ == "__main__":
    main()
