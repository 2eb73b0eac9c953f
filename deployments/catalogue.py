"""Know which models the API offers: each recipe as votebox/NAME, and the raw models.

What is offered changes only with the app, so it is asked for once; an unknown name asks again,
every few seconds at most, because such names cost their senders nothing.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

from votebox.deployments.backend import Backend
from votebox.deployments.openai_errors import ApiError, model_not_found, overloaded
from votebox.deployments.openai_models import PREFIX

__all__ = ["Catalogue"]

_AGAIN_S: Final = 5.0

_PATIENCE_S: Final = 10.0
"""How long a request waits for solvers that have not started, in seconds."""


class Catalogue:
    """Remember what a backend offers; `known` hears of the names of its recipes."""

    def __init__(
        self,
        backend: Backend,
        known: Callable[[Iterable[str]], None] = lambda names: None,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._backend, self._known = backend, known
        self._clock, self._patience_s = clock, patience_s
        self._info: Mapping[str, Any] | None = None
        self._asked_at = 0.0
        self._asking = asyncio.Lock()
        self.created = int(time.time())

    async def info(self, *, anew: bool = False) -> Mapping[str, Any]:
        """Return what Backend.info does, or did; `anew` asks again unless it just was.

        Raises:
            ApiError: 503, the solvers do not say so within `patience_s`.
        """
        if self._info is not None and not anew:
            return self._info
        try:
            async with asyncio.timeout(self._patience_s), self._asking:
                if self._info is None or (anew and self._clock() - self._asked_at > _AGAIN_S):
                    self._info = await self._backend.info()
                    self._asked_at = self._clock()
                    self._known(self._info["recipes"])
                return self._info
        except TimeoutError as e:
            problem = "have not started yet" if self._info is None else "do not answer"
            raise overloaded(f"the solvers {problem}") from e

    async def state(self) -> Literal["starting", "ready", "lost"]:
        """Tell whether the solvers answer, as they do now or did a few seconds ago."""
        before = self._info is not None
        try:
            await self.info(anew=True)
        except Exception as e:
            # Whatever keeps the solvers from telling what they offer: only a full queue is life.
            if isinstance(e, ApiError) and e.status == HTTPStatus.TOO_MANY_REQUESTS:
                return "ready"
            return "lost" if before else "starting"
        return "ready"

    async def default(self) -> str:
        """Return the recipe of requests that name none."""
        return str((await self.info())["default"])

    async def fingerprint(self, recipe: str) -> str:
        """Return the hash of a recipe that is offered."""
        return str((await self.info())["recipes"][recipe]["hash"])

    async def descriptions(self) -> dict[str, str]:
        """Return each model's id with a line about it."""
        info = await self.info()
        recipes = {f"{PREFIX}{n}": str(r["description"]) for n, r in info["recipes"].items()}
        return recipes | dict.fromkeys(info["models"], "the model itself: one reply, no vote")

    async def is_raw(self, model: str) -> bool:
        """Tell a raw model from a recipe; raise ApiError 404 for what is neither."""
        known = await self.descriptions()
        if model not in known:
            await self.info(anew=True)
            known = await self.descriptions()
        if model not in known:
            raise model_not_found(model, ", ".join(known))
        return not model.startswith(PREFIX)

    async def known_recipe(self, recipe: str) -> None:
        """Refuse a recipe that is not offered; raise ApiError 400."""
        recipes = (await self.info())["recipes"]
        if recipe not in recipes and recipe not in (await self.info(anew=True))["recipes"]:
            message = f"there is no recipe {recipe[:200]!r}; known: {', '.join(recipes)}"
            raise ApiError(400, message, param="recipe", code="recipe_not_found")
