"""Name what can go wrong on our side; what an untrusted program did is a value.

    VoteboxError                 (votebox.sandbox)
    |-- SandboxError             (votebox.sandbox)
    |-- PluginError              a plugin that is broken, unknown or registered twice
    |   `-- PluginBlocked        a plugin that is left out, or may be in one that is
    |-- RecipeError              a recipe that cannot run; names the node and the fix
    |-- ProblemError             a question that cannot be asked (ValueError)
    |-- TableError               recorded votes that cannot be read (ValueError)
    |-- TraceError               a trace, or a place of traces, that cannot be used
    `-- EngineError              a model that cannot answer
        |-- PromptTooLong        the prompt leaves no room in the context (ValueError)
        |-- ContextTooSmall      the model reads less than its endpoint is to hold
        `-- EngineUnavailable    the engine is down, overloaded or unreachable
            |-- EngineDied       the engine died under a chain; another takes its place
            `-- ProviderError    the provider behind an endpoint failed, or is blocked

Every class passes all its fields to `super().__init__` in order, so that it
survives pickling between processes.
"""

from votebox.sandbox import SandboxError, VoteboxError

__all__ = [
    "ContextTooSmall",
    "EngineDied",
    "EngineError",
    "EngineUnavailable",
    "PluginBlocked",
    "PluginError",
    "ProblemError",
    "PromptTooLong",
    "ProviderError",
    "RecipeError",
    "SandboxError",
    "TableError",
    "TraceError",
    "VoteboxError",
]


class PluginError(VoteboxError):
    """Report a plugin that cannot be used; `plugin` names it."""

    def __init__(self, plugin: str, problem: str, fix: str = "") -> None:
        super().__init__(plugin, problem, fix)
        self.plugin, self.problem, self.fix = plugin, problem, fix

    def __str__(self) -> str:
        return f"plugin {self.plugin}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class PluginBlocked(PluginError):
    """Report a plugin that is blocked, or unknown while others are that may have it."""


class RecipeError(VoteboxError, ValueError):
    """Report a recipe that cannot run: where (a node or a table), what, and the fix."""

    def __init__(self, recipe: str, node: str, problem: str, fix: str = "") -> None:
        super().__init__(recipe, node, problem, fix)
        self.recipe, self.node, self.problem, self.fix = recipe, node, problem, fix

    def __str__(self) -> str:
        where = f"recipe {self.recipe!r}" + (f", {self.node}" if self.node else "")
        return f"{where}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class ProblemError(VoteboxError, ValueError):
    """Report a question that cannot be asked, and how to mend it."""

    def __init__(self, problem: str, fix: str = "") -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix

    def __str__(self) -> str:
        return self.problem + (f"; {self.fix}" if self.fix else "")


class TableError(VoteboxError, ValueError):
    """Report a table of recorded votes that cannot be used; `path` names it."""

    def __init__(self, path: str, problem: str, fix: str = "") -> None:
        super().__init__(path, problem, fix)
        self.path, self.problem, self.fix = path, problem, fix

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class TraceError(VoteboxError):
    """Report a trace or a place of traces that cannot be used; `where` names it."""

    def __init__(self, where: str, problem: str, fix: str = "") -> None:
        super().__init__(where, problem, fix)
        self.where, self.problem, self.fix = where, problem, fix

    def __str__(self) -> str:
        return f"traces {self.where}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class EngineError(VoteboxError):
    """Report a model that failed; `model` names it."""

    def __init__(self, model: str, problem: str, fix: str = "") -> None:
        super().__init__(model, problem, fix)
        self.model, self.problem, self.fix = model, problem, fix

    def __str__(self) -> str:
        return f"model {self.model}: {self.problem}" + (f"; {self.fix}" if self.fix else "")


class PromptTooLong(EngineError, ValueError):
    """Report a prompt of more tokens than the model's context holds."""


class EngineUnavailable(EngineError):
    """Report an engine that is down, overloaded or cannot be reached."""


class EngineDied(EngineUnavailable):
    """Report an engine that died while it wrote; a chain of it may start again on the next."""


class ContextTooSmall(EngineError):
    """Report a model that reads less of a prompt than its endpoint is to hold."""


class ProviderError(EngineUnavailable):
    """Report the provider behind an endpoint: it failed, or is on the block list.

    `provider` is its name, "" where the endpoint does not tell. What it said is never text
    of the model.
    """

    def __init__(self, model: str, problem: str, fix: str = "", provider: str = "") -> None:
        super().__init__(model, problem, fix)
        self.args = (model, problem, fix, provider)  # what a pickle makes it anew from
        self.provider = provider
