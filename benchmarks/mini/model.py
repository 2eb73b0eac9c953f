"""Hold the training form of votebox-mini: a small Qwen2 and its optimiser.

Plain torch, so that a batch can share its system turn: the shared prefix is computed once
and every sample attends to it. Parameters carry the names transformers gives them. It
does not know how batches are made.
"""

import math
from dataclasses import asdict, dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MiniConfig", "MiniQwen2", "Optimizer"]

INIT_STD: Final = 0.02
NEWTON_SCHULZ: Final = (3.4445, -4.7750, 2.0315)
"""Coefficients of Muon's iteration (Keller Jordan, 2024)."""


@dataclass(frozen=True, slots=True)
class MiniConfig:
    """Give the sizes; the names are those of a transformers `Qwen2Config`."""

    vocab_size: int = 1024
    hidden_size: int = 192
    intermediate_size: int = 512
    num_hidden_layers: int = 4
    num_attention_heads: int = 6
    num_key_value_heads: int = 6
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    max_position_embeddings: int = 2048

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def as_dict(self) -> dict[str, int | float]:
        """Give the fields for a checkpoint or a config file."""
        return asdict(self)


def _rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions to (batch, heads, length, head_dim)."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat((-second, first), dim=-1) * sin


class _Attention(nn.Module):
    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.num_key_value_heads * config.head_dim
        self.head_dim = config.head_dim
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.o_proj = nn.Linear(width, width, bias=False)

    def _heads(self, states: Tensor) -> Tensor:
        return states.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def project(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give rotated queries and keys, and values, as (batch, heads, length, head_dim)."""
        query = _rotate(self._heads(self.q_proj(hidden)), cos, sin)
        key = _rotate(self._heads(self.k_proj(hidden)), cos, sin)
        return query, key, self._heads(self.v_proj(hidden))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Attend causally, or as the mask says."""
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            is_causal=mask is None,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        return self.o_proj(mixed.transpose(1, 2).flatten(2))


class _MLP(nn.Module):
    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(hidden)) * self.up_proj(hidden))


class _Layer(nn.Module):
    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.self_attn = _Attention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.mlp = _MLP(config)

    def forward(
        self, hidden: Tensor, prefix: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Advance the samples (batch, length) and the prefix (1, prefix length) they share."""
        attention, split = self.self_attn, prefix.shape[1]
        cos, sin = rotary
        query, key, value = attention.project(
            self.input_layernorm(hidden), cos[split:], sin[split:]
        )
        if split:
            first = attention.project(self.input_layernorm(prefix), cos[:split], sin[:split])
            prefix = prefix + attention.attend(*first, None)
            prefix = prefix + self.mlp(self.post_attention_layernorm(prefix))
            rows = hidden.shape[0]
            key = torch.cat((first[1].expand(rows, -1, -1, -1), key), dim=2)
            value = torch.cat((first[2].expand(rows, -1, -1, -1), value), dim=2)
        hidden = hidden + attention.attend(query, key, value, mask)
        return hidden + self.mlp(self.post_attention_layernorm(hidden)), prefix


class MiniQwen2(nn.Module):
    """Compute next-token logits for samples that share a prefix; embeddings are tied."""

    def __init__(self, config: MiniConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=INIT_STD)
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.data.div_(math.sqrt(2 * config.num_hidden_layers))
            if name.endswith("bias"):
                nn.init.zeros_(parameter)

    def _rotary(self, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        half = torch.arange(0, self.config.head_dim, 2, device=device) / self.config.head_dim
        angles = torch.outer(
            torch.arange(length, device=device).float(), self.config.rope_theta**-half
        )
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()

    def forward(self, tokens: Tensor, prefix: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Give logits for tokens (batch, length) that follow a shared prefix (any length).

        Their shape is (batch, length, vocabulary), or (number wanted, vocabulary) with a mask
        of wanted positions (batch, length).
        """
        length, split = tokens.shape[1], prefix.shape[0]
        rotary = self._rotary(split + length, tokens.device)
        mask = torch.ones(length, split + length, dtype=torch.bool, device=tokens.device)
        mask = mask.tril(diagonal=split)
        hidden, shared = self.embed_tokens(tokens), self.embed_tokens(prefix[None])
        for layer in self.layers:
            hidden, shared = layer(hidden, shared, rotary, mask)
        if wanted is not None:
            hidden = hidden[wanted]
        return functional.linear(self.norm(hidden), self.embed_tokens.weight)


@torch.no_grad()
def _orthogonalize(update: Tensor) -> Tensor:
    """Bring stacked matrices near the orthogonal matrix closest to each."""
    a, b, c = NEWTON_SCHULZ
    wide = update if update.shape[-2] <= update.shape[-1] else update.mT
    wide = wide / (wide.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = wide @ wide.mT
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if update.shape[-2] <= update.shape[-1] else wide.mT


class Optimizer:
    """Step matrices with Muon and everything else with AdamW, at one relative rate."""

    muon_rate = 0.02
    adam_rate = 3e-3
    momentum = 0.95
    decay = 0.01

    def __init__(self, model: MiniQwen2) -> None:
        self.groups: dict[str, list[nn.Parameter]] = {}
        others = []
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and name.startswith("layers."):
                self.groups.setdefault(name.split(".", 2)[2], []).append(parameter)
            else:
                others.append(parameter)
        self.buffers = {
            name: torch.zeros_like(torch.stack(list(found))) for name, found in self.groups.items()
        }
        self.adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Apply the gradients at a rate between 0 and 1, then clear them."""
        for name, found in self.groups.items():
            gradient = torch.stack([p.grad for p in found if p.grad is not None])
            buffer = self.buffers[name].lerp_(gradient, 1 - self.momentum)
            update = _orthogonalize(gradient.lerp(buffer, self.momentum))
            scale = max(1.0, update.shape[-2] / update.shape[-1]) ** 0.5
            for parameter, change in zip(found, update, strict=True):
                parameter.mul_(1 - rate * self.muon_rate * self.decay)
                parameter.add_(change, alpha=-rate * self.muon_rate * scale)
                parameter.grad = None
        for group in self.adam.param_groups:
            group["lr"] = rate * self.adam_rate
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, object]:
        """Give everything a resumed run needs."""
        return {"buffers": self.buffers, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, dict[str, object]]) -> None:
        """Take over the state of an interrupted run."""
        for name, buffer in self.buffers.items():
            buffer.copy_(state["buffers"][name])
        self.adam.load_state_dict(state["adam"])
