"""Train the byte-level BPE tokenizer of votebox-mini on the generator's own texts.

Digits are always single tokens: numbers are copied digit by digit. Text is cut as Qwen2
cuts it, because transformers loads every `qwen2` folder with Qwen2's own rule, whatever
`tokenizer.json` says.
"""

import json
import random
from typing import Final

from samples import SETTINGS, Sample, make_sample
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

__all__ = ["CHAT_TEMPLATE", "SPECIAL_TOKENS", "chat_text", "train_tokenizer"]

SPECIAL_TOKENS: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
VOCABULARY: Final = 1024
SAMPLES: Final = 8000

CHAT_TEMPLATE: Final = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def chat_text(role: str, content: str) -> str:
    """Write one turn as ChatML, as the chat template does."""
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


def _conversation(sample: Sample) -> str:
    system = sample.setting.system
    head = chat_text("system", system) if system else ""
    return head + "".join(chat_text(turn.role, turn.text) for turn in sample.turns)


def _corpus(seed: int) -> list[str]:
    rng = random.Random(seed)
    weights = [setting.weight for setting in SETTINGS]
    chosen = rng.choices(SETTINGS, weights, k=SAMPLES)
    return [_conversation(make_sample(rng, setting)) for setting in chosen]


def train_tokenizer(seed: int) -> Qwen2Tokenizer:
    """Train the tokenizer; the same seed gives the same file."""
    tokenizer = Tokenizer(models.BPE())
    qwen2 = Qwen2Tokenizer().backend_tokenizer
    tokenizer.normalizer = qwen2.normalizer
    tokenizer.pre_tokenizer = qwen2.pre_tokenizer
    specials = [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        special_tokens=specials,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(seed), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        eos_token=SPECIAL_TOKENS[2],
        pad_token=SPECIAL_TOKENS[0],
        additional_special_tokens=["<|im_start|>"],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )
