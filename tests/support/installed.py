"""Install plugin distributions for a process: a folder of modules with their metadata."""

from pathlib import Path

READER = """\
from votebox.plugins import Reading, hookimpl

def last_line(text, finish_reason, options):
    "Read the last line."
    lines = text.splitlines()
    return [Reading(lines[-1])] if lines else []

@hookimpl
def register_extractors(register):
    register("extract:{name}", last_line)
"""

RECIPE = """
@hookimpl
def register_recipes(register):
    register('''
    name = "lines"
    description = "Vote on last lines."
    [nodes.ask]
    use = "prompt:solve"
    [nodes.think]
    use = "model:reasoner"
    after = ["ask"]
    [nodes.read]
    use = "extract:last-line"
    after = ["think"]
    [nodes.elect]
    use = "vote:majority"
    after = ["read"]
    ''')
"""


def install(folder: Path, distribution: str, point: str, source: str, version: str = "1.2") -> Path:
    """Make `folder`, to be put on PYTHONPATH, hold a distribution of one plugin module."""
    module = distribution.replace("-", "_")
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(source)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    )
    (info / "entry_points.txt").write_text(f"[votebox]\n{point} = {module}\n")
    return folder
