"""Write a solve as one HTML page: no script, nothing from elsewhere, all text escaped."""

from html import escape
from typing import TYPE_CHECKING, Final

from votebox.cluster.text import clean

if TYPE_CHECKING:
    from votebox.plugins import ChainRecord, Trace

__all__ = ["certificate"]

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
.answer { font-size: 2rem; font-weight: 700; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #8886; }
progress { width: 8rem; max-width: 25vw; }
pre { white-space: pre-wrap; padding: .6rem; border: 1px solid #8886; border-radius: .4rem; }
@media print { pre, tr { break-inside: avoid; } }
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def certificate(trace: "Trace") -> str:
    """Return the page of a trace; chains can be unfolded."""
    verdict = trace.verdict
    answer = "no answer" if verdict.answer is None else verdict.answer
    whole = sum(vote.weight for vote in verdict.votes) or 1
    votes = "".join(
        f"<tr><td>{_text(v.answer)}</td><td>{v.weight:g}</td>"
        f'<td><progress max="1" value="{v.weight / whole:.4f}"></progress></td>'
        f"<td>{_text(' '.join(map(str, v.chains)))}</td></tr>"
        for v in verdict.votes
    )
    winners = {chain for vote in verdict.votes[:1] for chain in vote.chains}
    deciding = "".join(_programs(c) for c in verdict.chains if c.index in winners)
    chains = "".join(_chain(chain) for chain in verdict.chains)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>votebox {_text(verdict.id)}</title><style>{_STYLE}</style></head><body>"
        f"<p>{_text(trace.problem.text)}</p>"
        f'<p class="answer">{_text(answer)}</p>'
        f"<p>{_text(verdict.reason)}; {_text(verdict.stop_reason)}. "
        f"{verdict.usage.total_tokens:,} tokens, {verdict.wall_s:.1f} s.</p>"
        "<h2>Votes</h2><table><tr><th>answer</th><th>votes</th><th></th><th>chains</th></tr>"
        f"{votes}</table><h2>Programs of the winner</h2>{deciding or '<p>none</p>'}"
        f"<h2>Chains</h2>{chains}<h2>Recipe</h2>"
        f"<p>{_text(verdict.recipe)} {_text(verdict.recipe_hash)}, seed {verdict.seed}</p>"
        f"<pre>{_text(trace.recipe_toml)}</pre>"
        f"<p>Try it again: <code>votebox replay {_text(verdict.id)}</code></p></body></html>\n"
    )


def _chain(chain: "ChainRecord") -> str:
    read = ", ".join(candidate.answer for candidate in chain.candidates) or "nothing"
    head = f"chain {chain.index}, seed {chain.seed}: {chain.ended}, read {read}"
    said = "".join(
        f"<pre>{_text(completion.reasoning)}</pre>" * bool(completion.reasoning)
        + f"<pre>{_text(completion.text)}</pre>"
        for completion in chain.completions
    )
    body = f"{said}{_programs(chain)}"
    return f"<details><summary>{_text(head)}</summary>{body}</details>"


def _programs(chain: "ChainRecord") -> str:
    return "".join(
        f"<p>chain {chain.index}: {_text(ran.status)}</p>"
        f"<pre>{_text(code)}</pre><pre>{_text(ran.stdout)}{_text(ran.stderr)}</pre>"
        for code, ran in zip(chain.programs, chain.executions, strict=False)
    )


def _text(value: str) -> str:
    return escape(clean(value))
