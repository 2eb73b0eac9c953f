r"""Sample chains from votebox-mini as the recipes do, with transformers and subprocesses.

A chain is a reply; when it holds a ```python block the program runs and its output is the
next turn, up to `rounds` times. The answer is the last \boxed{} integer, else the last
integer a program printed. Programs run unconfined, with a time limit: this file is for a
model whose training data is in this folder, not for strangers' models.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from samples import Setting, output_turn
from transformers import AutoModelForCausalLM, AutoTokenizer

__all__ = ["Chain", "Sampler", "run_program"]

BLOCK: Final = re.compile(r"```python\n(.*?)\n?```", re.DOTALL)
BOX: Final = re.compile(r"\\boxed\{(-?\d+)\}")
INTEGER: Final = re.compile(r"-?\d+")
PROGRAM_LIMIT_S: Final = 5.0


@dataclass(slots=True)
class Chain:
    """Grow one conversation; `habit` names what its first reply did."""

    messages: list[dict[str, str]]
    printed: str = ""
    done: bool = False
    replies: list[str] = field(default_factory=list)

    @property
    def answer(self) -> int | None:
        """Give the last boxed integer, else the last printed one, else None."""
        boxed = BOX.findall("\n".join(self.replies))
        found = boxed or INTEGER.findall(self.printed)
        return int(found[-1]) if found else None

    @property
    def habit(self) -> str:
        """Say whether the first reply wrote a program or answered directly."""
        return "program" if BLOCK.search(self.replies[0]) else "direct"


def run_program(program: str) -> str:
    """Run a program; give its output, or the last line of its error."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program],
            capture_output=True,
            text=True,
            timeout=PROGRAM_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "TimeoutError: the program ran too long"
    if done.returncode == 0:
        return done.stdout.strip()
    return (done.stderr.strip().splitlines() or ["Error"])[-1]


class Sampler:
    """Own the model and sample many chains at once."""

    def __init__(self, folder: Path, *, batch: int = 256, max_tokens: int = 128) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.model = model.to(self.device).eval()
        self.batch = batch
        self.max_tokens = max_tokens
        self.outputs: dict[str, str] = {}

    def solve(
        self, questions: Sequence[str], setting: Setting, *, temperature: float, rounds: int = 3
    ) -> list[Chain]:
        """Sample one chain for each question; temperature 0 is greedy."""
        system = [{"role": "system", "content": setting.system}] if setting.system else []
        chains = [Chain([*system, {"role": "user", "content": text}]) for text in questions]
        for _ in range(rounds):
            open_chains = [chain for chain in chains if not chain.done]
            open_chains.sort(key=lambda chain: sum(len(m["content"]) for m in chain.messages))
            for start in range(0, len(open_chains), self.batch):
                self._advance(open_chains[start : start + self.batch], setting, temperature)
        return chains

    def _advance(self, chains: list[Chain], setting: Setting, temperature: float) -> None:
        """Add a reply to each chain, and its program's output when it wrote one."""
        for chain, reply in zip(chains, self._replies(chains, temperature), strict=True):
            chain.replies.append(reply)
            chain.messages.append({"role": "assistant", "content": reply})
            blocks = BLOCK.findall(reply)
            if not blocks:
                chain.done = True
                continue
            if blocks[-1] not in self.outputs:
                self.outputs[blocks[-1]] = run_program(blocks[-1])
            chain.printed = self.outputs[blocks[-1]]
            shown = output_turn(chain.printed, modulo=setting.modulo)
            chain.messages.append({"role": "user", "content": shown})

    @torch.inference_mode()
    def _replies(self, chains: list[Chain], temperature: float) -> list[str]:
        prompts = [
            self.tokenizer.apply_chat_template(
                chain.messages, tokenize=False, add_generation_prompt=True
            )
            for chain in chains
        ]
        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True).to(self.device)
        options = {"do_sample": False}
        if temperature > 0:
            options = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        made = self.model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_new_tokens=self.max_tokens,
            **options,
        )
        new = made[:, inputs["input_ids"].shape[1] :]
        return self.tokenizer.batch_decode(new, skip_special_tokens=True)
