"""The contract and the core: nouns, hooks, registry, recipes and the solver.

Pure Python over two ports; a plugin author runs a recipe with this room alone.
"""

from votebox.plugins.draw import draw_mermaid, draw_svg, draw_tree
from votebox.plugins.errors import (
    EngineError,
    EngineUnavailable,
    PluginError,
    ProblemError,
    PromptTooLong,
    RecipeError,
    SandboxError,
    TableError,
    TraceError,
    VoteboxError,
)
from votebox.plugins.events import (
    CandidateRead,
    ChainFinished,
    ChainStarted,
    ChainText,
    Event,
    ProgramFinished,
    ProgramStarted,
    SolveStarted,
    VerdictReached,
    VoteChanged,
)
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
    Turn,
    Usage,
)
from votebox.plugins.ports import Delta, Engine, SampleStream, SandboxPort, TraceSink
from votebox.plugins.recipe import Budget, Node, Recipe, Step, Use
from votebox.plugins.recordfile import RecordedProgram, Timed
from votebox.plugins.recording import RecordingEngine, RecordingSandbox
from votebox.plugins.recount import Recount, recipe_of, recount
from votebox.plugins.registry import Plugin, Registry, declare
from votebox.plugins.replay import Recorded, ReplayEngine
from votebox.plugins.replaybox import ReplaySandbox
from votebox.plugins.solver import MAX_QUESTION_CHARS, SolveOptions, Solver
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
    "MAX_QUESTION_CHARS",
    "Advice",
    "Budget",
    "Candidate",
    "CandidateRead",
    "ChainFinished",
    "ChainProgress",
    "ChainRecord",
    "ChainStarted",
    "ChainText",
    "ChainView",
    "Completion",
    "Confidence",
    "Contribution",
    "Delta",
    "Engine",
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
    "Plugin",
    "PluginError",
    "Problem",
    "ProblemError",
    "ProgramFinished",
    "ProgramRun",
    "ProgramStarted",
    "Prompt",
    "PromptTooLong",
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
    "TableError",
    "Tally",
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
    "declare",
    "draw_mermaid",
    "draw_svg",
    "draw_tree",
    "hookimpl",
    "hookspec",
    "load_recipe",
    "recipe_of",
    "recount",
    "run_virtual",
    "to_wire",
    "verdict_to_wire",
]
