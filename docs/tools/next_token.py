"""Write what votebox-mini might say next, from which sampling.py draws its pictures.

python docs/tools/next_token.py > docs/tools/next_token.json

Needs torch and transformers, as the extra `cpu` has them. A token has its
logit and its probability (softmax in float64 of logits in float32); `rest` is the mass of all tokens that are not listed.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

_MODEL: Final = Path(__file__).parents[2] / "deployments/mini"
_QUESTION: Final = "What is the product of 137 and 48?"
_BEGUN: Final = "137 * 48 = 657"
"""The reply so far: the model computes in its head, and 6576 is right."""
_KEPT: Final = 10


def distribution() -> dict[str, Any]:
    """Return the likeliest next tokens, each with its logit and its probability, falling."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(_MODEL)
    model = AutoModelForCausalLM.from_pretrained(_MODEL, dtype=torch.float32)
    messages = [{"role": "user", "content": _QUESTION}]
    asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    given = tokenizer(asked + _BEGUN, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        logits = model(**given).logits[0, -1].double()
    chances = torch.softmax(logits, -1)
    listed = [
        [tokenizer.decode([place]), round(float(logits[place]), 4), round(float(chances[place]), 6)]
        for place in chances.topk(_KEPT).indices.tolist()
    ]
    rest = round(1 - sum(chance for _, _, chance in listed), 6)
    return {"question": _QUESTION, "begun": _BEGUN, "tokens": listed, "rest": rest}


if __name__ == "__main__":
    json.dump(distribution(), sys.stdout, indent=1)
    sys.stdout.write("\n")
