"""Tell whether an answer is the reference, as the recipe's own vote would."""

from votebox.plugins import Recipe
from votebox.plugins.answers import equivalent, key, show
from votebox.plugins.ballot import policy_of
from votebox.plugins.classes import Referee

__all__ = ["Grader"]


class Grader:
    """Compare answers with references under the policy of `recipe`.

    Both sides are what the policy admits them as (under `aimo2` 1042 is 42); where it does not
    admit one, both are compared as they are written. `referee` decides what exact rules do not.
    """

    def __init__(self, recipe: Recipe, referee: Referee | None = None) -> None:
        self._policy, self._referee = policy_of(recipe), referee

    async def __call__(self, answer: str | None, reference: str) -> bool:
        """Return whether they are the same; what nobody can decide is not."""
        if answer is None:
            return False
        given, wanted = key(answer, self._policy), key(reference, self._policy)
        if given is not None and wanted is not None:
            answer, reference = show(given), show(wanted)
        same = answer.strip() == reference.strip() or equivalent(answer, reference)
        if same is None and self._referee is not None:
            same = await self._referee.same(answer, reference)
        return bool(same)
