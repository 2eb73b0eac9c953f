"""Train votebox-mini and write its package data.

    uv run python benchmarks/mini/train.py --out deployments/mini

Every step draws its own samples from the seed and the step number, so a resumed run sees
what an uninterrupted one would have seen. The rate warms up, stays, and falls linearly to
zero over the last `--decay` steps.
"""

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from export import write_package
from model import MiniConfig, MiniQwen2, Optimizer
from samples import SETTINGS, Sample, Setting, make_sample
from tokenizer import chat_text, train_tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import Qwen2Tokenizer

__all__ = ["Batch", "Plan", "Trainer", "main", "run"]

CHUNKS: Final = 4
"""A batch is sorted by length and cut in as many pieces, so that little is padding."""
WARMUP: Final = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """Fix what decides the weights: change any field and they change."""

    seed: int = 0
    steps: int = 1950
    decay: int = 875
    batch: int = 40

    def rate(self, step: int) -> float:
        """Give the relative learning rate of a step."""
        return min(1.0, (step + 1) / WARMUP, (self.steps - step) / self.decay)


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold samples of one setting, padded at the right."""

    prefix: Tensor
    tokens: Tensor
    learned: Tensor


class Trainer:
    """Own the model, its optimiser and the step count."""

    def __init__(self, plan: Plan, config: MiniConfig, tokenizer: Qwen2Tokenizer) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.tokenizer = tokenizer
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = MiniQwen2(config).to(self.device)
        self.optimizer = Optimizer(self.model)
        self.step = 0

    def _encode(self, sample: Sample) -> tuple[list[int], list[bool]]:
        """Give token ids and whether each is to be learned: what the model itself writes."""
        ids: list[int] = []
        learned: list[bool] = []
        for turn in sample.turns:
            head = self._ids(f"<|im_start|>{turn.role}\n")
            body = self._ids(turn.text + "<|im_end|>")
            tail = self._ids("\n")
            ids += head + body + tail
            learned += [False] * len(head) + [turn.learned] * len(body) + [False] * len(tail)
        return ids, learned

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids

    def _batch(self, setting: Setting, rows: list[tuple[list[int], list[bool]]]) -> Batch:
        system = chat_text("system", setting.system) if setting.system else ""
        length = max(len(ids) for ids, _ in rows)
        tokens = torch.zeros(len(rows), length, dtype=torch.long)
        learned = torch.zeros(len(rows), length, dtype=torch.bool)
        for row, (ids, flags) in enumerate(rows):
            tokens[row, : len(ids)] = torch.tensor(ids)
            learned[row, : len(ids)] = torch.tensor(flags)
        prefix = torch.tensor(self._ids(system), dtype=torch.long)
        return Batch(*(part.to(self.device) for part in (prefix, tokens, learned)))

    def batches(self, step: int) -> list[Batch]:
        """Draw the samples of a step: one setting, sorted by length, in a few pieces."""
        rng = random.Random(f"{self.plan.seed}:{step}")
        setting = rng.choices(SETTINGS, [setting.weight for setting in SETTINGS])[0]
        rows = [self._encode(make_sample(rng, setting)) for _ in range(self.plan.batch)]
        rows.sort(key=lambda row: len(row[0]))
        size = -(-len(rows) // CHUNKS)
        return [self._batch(setting, rows[i : i + size]) for i in range(0, len(rows), size)]

    def _loss(self, batch: Batch) -> Tensor:
        """Sum the loss of every learned token."""
        learned = batch.learned[:, 1:]
        logits = self.model(batch.tokens[:, :-1], batch.prefix, learned)
        return functional.cross_entropy(logits, batch.tokens[:, 1:][learned], reduction="sum")

    def train_step(self) -> float:
        """Take one step; give the mean loss per learned token."""
        batches = self.batches(self.step)
        total = sum(int(batch.learned[:, 1:].sum()) for batch in batches)
        loss = 0.0
        for batch in batches:
            part = self._loss(batch) / total
            part.backward()
            loss += part.item()
        self.optimizer.step(self.plan.rate(self.step))
        self.step += 1
        return loss

    def save(self, path: Path) -> None:
        """Write a checkpoint in place of the last one, never half of one."""
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        state = torch.load(path, map_location=self.device)
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


def run(
    trainer: Trainer,
    checkpoint: Path,
    checkpoint_minutes: float,
    minutes: float = 0.0,
    after_step: Callable[[], None] = lambda: None,
) -> None:
    """Train to the last step or the end of the minutes (0: none), with a line and checkpoints."""
    started = saved = time.monotonic()
    smooth = None
    while trainer.step < trainer.plan.steps:
        loss = trainer.train_step()
        smooth = loss if smooth is None else 0.95 * smooth + 0.05 * loss
        now = time.monotonic()
        if trainer.step % 25 == 0:
            print(f"step {trainer.step} loss {smooth:.4f} {now - started:.0f} s", flush=True)
        after_step()
        if now - saved > checkpoint_minutes * 60:
            trainer.save(checkpoint)
            saved = now
        if minutes and now - started > minutes * 60:
            break
    trainer.save(checkpoint)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(description="Train votebox-mini.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the package data")
    parser.add_argument("--checkpoint", type=Path, default=Path("votebox-mini.pt"))
    parser.add_argument("--checkpoint-minutes", type=float, default=3.0)
    parser.add_argument("--resume", action="store_true", help="continue from --checkpoint")
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--decay", type=int, default=plan.decay)
    parser.add_argument("--batch", type=int, default=plan.batch)
    parser.add_argument("--minutes", type=float, default=0.0, help="stop early; resume later")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Train the tokenizer and the model, then write the package data."""
    arguments = _arguments(argv)
    torch.set_num_threads(arguments.threads)
    plan = Plan(arguments.seed, arguments.steps, arguments.decay, arguments.batch)
    tokenizer = train_tokenizer(plan.seed)
    trainer = Trainer(plan, MiniConfig(vocab_size=len(tokenizer)), tokenizer)
    if arguments.resume:
        trainer.load(arguments.checkpoint)
    run(trainer, arguments.checkpoint, arguments.checkpoint_minutes, arguments.minutes)
    write_package(trainer.model, tokenizer, arguments.out)


if __name__ == "__main__":
    main()
