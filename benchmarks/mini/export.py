"""Write votebox-mini as transformers and vLLM read it: config, weights, tokenizer."""

import json
import tempfile
from pathlib import Path
from typing import Final

import torch
from model import MiniQwen2
from safetensors.torch import save_file
from transformers import Qwen2Tokenizer

__all__ = ["write_package"]

BEGIN: Final = "<|endoftext|>"
END: Final = "<|im_end|>"


def _config(model: MiniQwen2, tokenizer: Qwen2Tokenizer) -> dict[str, object]:
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        **model.config.as_dict(),
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "attention_dropout": 0.0,
        "torch_dtype": "bfloat16",
        "bos_token_id": None,
        "eos_token_id": tokenizer.convert_tokens_to_ids(END),
        "pad_token_id": tokenizer.convert_tokens_to_ids(BEGIN),
    }


def _generation(tokenizer: Qwen2Tokenizer) -> dict[str, object]:
    ids = [tokenizer.convert_tokens_to_ids(token) for token in (END, BEGIN)]
    return {"do_sample": True, "temperature": 1.0, "eos_token_id": ids, "pad_token_id": ids[1]}


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_package(model: MiniQwen2, tokenizer: Qwen2Tokenizer, out: Path) -> None:
    """Write every file beside `out`, then move each into place: readers never see half a file."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".mini-") as made:
        folder = Path(made)
        weights = {
            f"model.{name}": value.detach().to("cpu", torch.bfloat16).contiguous()
            for name, value in model.state_dict().items()
        }
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        tokenizer.save_pretrained(folder, save_jinja_files=False)
        _write_json(folder / "config.json", _config(model, tokenizer))
        _write_json(folder / "generation_config.json", _generation(tokenizer))
        for path in sorted(folder.iterdir()):
            path.chmod(0o644)
            path.replace(out / path.name)
