"""The contract and the core: nouns, hooks, registry, recipes and the solver.

Pure Python over two ports; a plugin author runs a recipe with this room alone. A public name
is imported when it is first asked for, so that a plugin that needs three of them does not
wait for the solver (benchmarks/startup/imports.py).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from votebox.plugins.calibration import Calibration, read_calibration
    from votebox.plugins.conversation import (
        MAX_QUESTION_CHARS,
        check_problem,
        check_texts,
        in_conversation,
    )
    from votebox.plugins.draw import draw_mermaid, draw_svg, draw_tree
    from votebox.plugins.edits import ApplyReport, EditOp, EditRules, EditScript, OpReport
    from votebox.plugins.errors import (
        ContextTooSmall,
        EngineDied,
        EngineError,
        EngineUnavailable,
        PluginBlocked,
        PluginError,
        ProblemError,
        PromptTooLong,
        ProviderError,
        RecipeError,
        SandboxError,
        TableError,
        TraceError,
        VoteboxError,
    )
    from votebox.plugins.events import (
        CandidateRead,
        ChainFinished,
        ChainRestarted,
        ChainStarted,
        ChainText,
        Event,
        ProgramFinished,
        ProgramStarted,
        ProviderFailed,
        SolveStarted,
        VerdictReached,
        VoteChanged,
    )
    from votebox.plugins.exercises import Task, load_task, load_tasks
    from votebox.plugins.hookspecs import Register, RegisterRecipe, hookimpl, hookspec
    from votebox.plugins.judge import Judge
    from votebox.plugins.loader import load_recipe
    from votebox.plugins.nouns import (
        Candidate,
        ChainView,
        Completion,
        Confidence,
        Evidence,
        LogprobStats,
        Message,
        Problem,
        Prompt,
        Reading,
        Sampling,
        Stripped,
        Turn,
        Usage,
    )
    from votebox.plugins.options import EFFORTS, MAX_STOP_STRINGS, SolveOptions
    from votebox.plugins.patches import Patch, unified_diff, visible_task
    from votebox.plugins.plugin import Plugin, declare
    from votebox.plugins.ports import Delta, Engine, SampleStream, SandboxPort, TraceSink
    from votebox.plugins.recipe import Budget, Node, Recipe, Step, Use
    from votebox.plugins.recipetables import read_sampling
    from votebox.plugins.recordfile import RecordedProgram, Timed
    from votebox.plugins.recording import RecordingEngine, RecordingSandbox
    from votebox.plugins.recounting import Recount, recipe_of, recount
    from votebox.plugins.registry import Registry
    from votebox.plugins.replay import Recorded, ReplayEngine
    from votebox.plugins.replaybox import ReplaySandbox
    from votebox.plugins.solver import Solver
    from votebox.plugins.testfeedback import failure_feedback
    from votebox.plugins.testvector import TestLimits, TestResult, TestVector, run_tests
    from votebox.plugins.timebank import TimeBank, TimeShare
    from votebox.plugins.tracerow import Trace
    from votebox.plugins.traces import Listing, TraceStore
    from votebox.plugins.verdicts import (
        ChainRecord,
        Contribution,
        ModelCall,
        ProgramRun,
        StopReason,
        Verdict,
    )
    from votebox.plugins.virtualtime import VirtualLoop, run_virtual
    from votebox.plugins.voting import Advice, ChainProgress, Tally, VoteClass, VoteState
    from votebox.plugins.wire import to_wire, verdict_to_wire
    from votebox.sandbox import Execution, Limits

__all__ = [
    "EFFORTS",
    "MAX_QUESTION_CHARS",
    "MAX_STOP_STRINGS",
    "Advice",
    "ApplyReport",
    "Budget",
    "Calibration",
    "Candidate",
    "CandidateRead",
    "ChainFinished",
    "ChainProgress",
    "ChainRecord",
    "ChainRestarted",
    "ChainStarted",
    "ChainText",
    "ChainView",
    "Completion",
    "Confidence",
    "ContextTooSmall",
    "Contribution",
    "Delta",
    "EditOp",
    "EditRules",
    "EditScript",
    "Engine",
    "EngineDied",
    "EngineError",
    "EngineUnavailable",
    "Event",
    "Evidence",
    "Execution",
    "Judge",
    "Limits",
    "Listing",
    "LogprobStats",
    "Message",
    "ModelCall",
    "Node",
    "OpReport",
    "Patch",
    "Plugin",
    "PluginBlocked",
    "PluginError",
    "Problem",
    "ProblemError",
    "ProgramFinished",
    "ProgramRun",
    "ProgramStarted",
    "Prompt",
    "PromptTooLong",
    "ProviderError",
    "ProviderFailed",
    "Reading",
    "Recipe",
    "RecipeError",
    "Recorded",
    "RecordedProgram",
    "RecordingEngine",
    "RecordingSandbox",
    "Recount",
    "Register",
    "RegisterRecipe",
    "Registry",
    "ReplayEngine",
    "ReplaySandbox",
    "SampleStream",
    "Sampling",
    "SandboxError",
    "SandboxPort",
    "SolveOptions",
    "SolveStarted",
    "Solver",
    "Step",
    "StopReason",
    "Stripped",
    "TableError",
    "Tally",
    "Task",
    "TestLimits",
    "TestResult",
    "TestVector",
    "TimeBank",
    "TimeShare",
    "Timed",
    "Trace",
    "TraceError",
    "TraceSink",
    "TraceStore",
    "Turn",
    "Usage",
    "Use",
    "Verdict",
    "VerdictReached",
    "VirtualLoop",
    "VoteChanged",
    "VoteClass",
    "VoteState",
    "VoteboxError",
    "check_problem",
    "check_texts",
    "declare",
    "draw_mermaid",
    "draw_svg",
    "draw_tree",
    "failure_feedback",
    "hookimpl",
    "hookspec",
    "in_conversation",
    "load_recipe",
    "load_task",
    "load_tasks",
    "read_calibration",
    "read_sampling",
    "recipe_of",
    "recount",
    "run_tests",
    "run_virtual",
    "to_wire",
    "unified_diff",
    "verdict_to_wire",
    "visible_task",
]

_HOMES: Final = {
    "votebox.plugins.calibration": ("Calibration", "read_calibration"),
    "votebox.plugins.conversation": (
        "MAX_QUESTION_CHARS",
        "check_problem",
        "check_texts",
        "in_conversation",
    ),
    "votebox.plugins.draw": ("draw_mermaid", "draw_svg", "draw_tree"),
    "votebox.plugins.edits": ("ApplyReport", "EditOp", "EditRules", "EditScript", "OpReport"),
    "votebox.plugins.errors": (
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
    ),
    "votebox.plugins.events": (
        "CandidateRead",
        "ChainFinished",
        "ChainRestarted",
        "ChainStarted",
        "ChainText",
        "Event",
        "ProgramFinished",
        "ProgramStarted",
        "ProviderFailed",
        "SolveStarted",
        "VerdictReached",
        "VoteChanged",
    ),
    "votebox.plugins.exercises": ("Task", "load_task", "load_tasks"),
    "votebox.plugins.hookspecs": ("Register", "RegisterRecipe", "hookimpl", "hookspec"),
    "votebox.plugins.judge": ("Judge",),
    "votebox.plugins.loader": ("load_recipe",),
    "votebox.plugins.nouns": (
        "Candidate",
        "ChainView",
        "Completion",
        "Confidence",
        "Evidence",
        "LogprobStats",
        "Message",
        "Problem",
        "Prompt",
        "Reading",
        "Sampling",
        "Stripped",
        "Turn",
        "Usage",
    ),
    "votebox.plugins.options": ("EFFORTS", "MAX_STOP_STRINGS", "SolveOptions"),
    "votebox.plugins.patches": ("Patch", "unified_diff", "visible_task"),
    "votebox.plugins.plugin": ("Plugin", "declare"),
    "votebox.plugins.ports": ("Delta", "Engine", "SampleStream", "SandboxPort", "TraceSink"),
    "votebox.plugins.recipe": ("Budget", "Node", "Recipe", "Step", "Use"),
    "votebox.plugins.recipetables": ("read_sampling",),
    "votebox.plugins.recordfile": ("RecordedProgram", "Timed"),
    "votebox.plugins.recording": ("RecordingEngine", "RecordingSandbox"),
    "votebox.plugins.recounting": ("Recount", "recipe_of", "recount"),
    "votebox.plugins.registry": ("Registry",),
    "votebox.plugins.replay": ("Recorded", "ReplayEngine"),
    "votebox.plugins.replaybox": ("ReplaySandbox",),
    "votebox.plugins.solver": ("Solver",),
    "votebox.plugins.testfeedback": ("failure_feedback",),
    "votebox.plugins.testvector": ("TestLimits", "TestResult", "TestVector", "run_tests"),
    "votebox.plugins.timebank": ("TimeBank", "TimeShare"),
    "votebox.plugins.tracerow": ("Trace",),
    "votebox.plugins.traces": ("Listing", "TraceStore"),
    "votebox.plugins.verdicts": (
        "ChainRecord",
        "Contribution",
        "ModelCall",
        "ProgramRun",
        "StopReason",
        "Verdict",
    ),
    "votebox.plugins.virtualtime": ("VirtualLoop", "run_virtual"),
    "votebox.plugins.voting": ("Advice", "ChainProgress", "Tally", "VoteClass", "VoteState"),
    "votebox.plugins.wire": ("to_wire", "verdict_to_wire"),
    "votebox.sandbox": ("Execution", "Limits"),
}
_HOME: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from where it is defined, and keep it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported yet or not."""
    return sorted({*globals(), *__all__})
