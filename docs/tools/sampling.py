"""Draw the pictures of docs/sampling.md, and the numbers of its tables.

python docs/tools/sampling.py        writes docs/pictures/sampling-*.svg

From next_token.json: what votebox-mini might say next. The formulas and their order are those
of vLLM's sampler (vllm/v1/sample/sampler.py): penalties, temperature, min_p, top_k, top_p.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

__all__ = ["Panel", "kept", "logits", "pictures", "probabilities"]

_HERE: Final = Path(__file__).parent
_PICTURES: Final = _HERE.parent / "pictures"
_DATA: Final = json.loads((_HERE / "next_token.json").read_text("utf-8"))
_STYLE: Final = """\
<style>
.paper{fill:#fff} text{fill:#1f2328;font:13px sans-serif} .faint{fill:#57606a;font-size:12px}
.kept{fill:#0969da} .cut{fill:#c4cad1} .line{stroke:#bc4c00;stroke-width:1.5;stroke-dasharray:5 3}
@media (prefers-color-scheme:dark){.paper{fill:#161b22} text{fill:#e6edf3} .faint{fill:#9198a1}
.kept{fill:#4493f8} .cut{fill:#484f58} .line{stroke:#f0883e}}
</style>"""
_WIDTH, _ROW, _BAR, _TOP = 240, 20, 150, 56


def logits() -> dict[str, float]:
    """Return the logits of the listed tokens, falling."""
    return {token: logit for token, logit, _ in _DATA["tokens"]}


def probabilities(given: Mapping[str, float], temperature: float = 1.0) -> dict[str, float]:
    """Return the softmax of logits divided by `temperature`, above 0, over these tokens alone."""
    top = max(given.values())
    powers = {token: math.exp((logit - top) / temperature) for token, logit in given.items()}
    whole = sum(powers.values())
    return {token: power / whole for token, power in powers.items()}


def kept(
    chances: Mapping[str, float], *, min_p: float = 0.0, top_k: int = 0, top_p: float = 1.0
) -> list[str]:
    """Return the tokens that remain, the likeliest first; each rule sees what the last left."""
    ranked = sorted(chances, key=lambda token: -chances[token])
    ranked = [token for token in ranked if chances[token] >= min_p * chances[ranked[0]]]
    ranked = ranked[:top_k] if top_k else ranked
    whole, before, left = sum(chances[token] for token in ranked), 0.0, []
    for token in ranked:
        if before < top_p * whole:
            left.append(token)
        before += chances[token]
    return left


def penalised(
    *, repetition: float = 1.0, presence: float = 0.0, frequency: float = 0.0
) -> dict[str, float]:
    """Return the logits after penalties: repetition counts all text, the others the reply."""
    written, seen = _DATA["begun"], _DATA["question"] + _DATA["begun"]
    changed = {}
    for token, logit in logits().items():
        scaled = logit / repetition if logit > 0 else logit * repetition
        value = scaled if token in seen else logit
        changed[token] = value - frequency * written.count(token) - presence * (token in written)
    return changed


@dataclass(frozen=True, slots=True)
class Panel:
    """Hold one chart: its title, the chances by token, which remain, and where a line stands."""

    title: str
    chances: Mapping[str, float]
    kept: Sequence[str]
    line: float | None = None


def pictures() -> dict[str, str]:
    """Return each picture's SVG by file name."""
    chances = probabilities(logits())
    every = list(chances)
    top = max(chances.values())
    return {
        "sampling-temperature.svg": _drawn(
            "The same ten tokens at three temperatures",
            [Panel(f"temperature {t}", probabilities(logits(), t), every) for t in (0.5, 1.0, 2.0)],
        ),
        "sampling-min-p.svg": _drawn(
            "Which tokens min_p cuts: those whose bar ends before the dashed line",
            [
                Panel(f"min_p {p}", chances, kept(chances, min_p=p), p * top)
                for p in (0.15, 0.3, 0.5)
            ],
        ),
        "sampling-cuts.svg": _drawn(
            "Three ways to cut the tail",
            [
                Panel("top_k 3", chances, kept(chances, top_k=3)),
                Panel("top_p 0.7", chances, kept(chances, top_p=0.7)),
                Panel("min_p 0.2", chances, kept(chances, min_p=0.2), 0.2 * top),
            ],
        ),
        "sampling-min-p-temperature.svg": _drawn(
            "min_p 0.2 follows the shape: few tokens where one leads, more where none does",
            [
                Panel(f"temperature {t}", by, kept(by, min_p=0.2), 0.2 * max(by.values()))
                for t in (0.5, 1.0, 2.0)
                for by in (probabilities(logits(), t),)
            ],
        ),
        "sampling-penalties.svg": _drawn(
            "Penalties lower what was said, the right digit 6 among it",
            [
                Panel("none", chances, every),
                Panel("repetition_penalty 1.1", probabilities(penalised(repetition=1.1)), every),
                Panel("frequency_penalty 0.5", probabilities(penalised(frequency=0.5)), every),
            ],
        ),
    }


def _drawn(title: str, panels: Sequence[Panel]) -> str:
    rows = max(len(panel.chances) for panel in panels)
    width, height = _WIDTH * len(panels), _TOP + _ROW * rows + 12
    most = max(chance for panel in panels for chance in panel.chances.values())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        _STYLE,
        f'<rect class="paper" width="{width}" height="{height}" rx="6"/>',
        f'<text x="14" y="20">{escape(title)}</text>',
        *(_panel(panel, _WIDTH * n, most) for n, panel in enumerate(panels)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(panel: Panel, left: int, most: float) -> str:
    parts = [f'<text class="faint" x="{left + 14}" y="44">{escape(panel.title)}</text>']
    for row, (token, chance) in enumerate(panel.chances.items()):
        y = _TOP + row * _ROW
        colour = "kept" if token in panel.kept else "cut"
        parts.append(f'<text x="{left + 14}" y="{y + 13}">{escape(token)}</text>')
        parts.append(
            f'<rect class="{colour}" x="{left + 30}" y="{y + 2}"'
            f' width="{_BAR * chance / most:.1f}" height="{_ROW - 5}" rx="2"/>'
        )
        x = left + 36 + _BAR
        parts.append(f'<text class="faint" x="{x}" y="{y + 13}">{100 * chance:.1f} %</text>')
    if panel.line is not None:
        x = left + 30 + _BAR * panel.line / most
        below = _TOP + len(panel.chances) * _ROW
        parts.append(f'<path class="line" d="M{x:.1f} {_TOP - 4}V{below}"/>')
    return "\n".join(parts)


if __name__ == "__main__":
    _PICTURES.mkdir(exist_ok=True)
    for name, drawn in pictures().items():
        (_PICTURES / name).write_text(drawn, "utf-8")
