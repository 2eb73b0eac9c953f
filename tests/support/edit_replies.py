"""Replies as models write them, with what must come of them: a hostile corpus.

Each Reply is named for its shape. `after` are the files when it was applied, None where it
must be refused with nothing changed; `status` is the class of the first fault or of the
first op.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

APP = "import os\n\n\ndef one():\n    return 1\n\n\ndef two():\n    return 2\n"
ONE = {"app.py": APP}
TWO = {"app.py": APP, "lib/util.py": "def helper(value):\n    return value\n"}
NEW = APP.replace("return 1", "return 11")
RST = "Title\n=======\n\nold text\n\nMore\n=======\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold one reply in a format, the files it meets and what must come of it."""

    name: str
    format: str
    text: str
    status: str = "applied"
    level: str = "exact"
    path_level: str = "exact"
    files: Mapping[str, str] = field(default_factory=lambda: ONE)
    after: Mapping[str, str] | None = None
    finish: str = "stop"


def block(old: str, new: str, path: str = "app.py", fence: str = "```") -> str:
    """Return one search/replace block; the texts end in newlines or are empty."""
    return f"{path}\n{fence}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n{fence}\n"


GOOD = block("    return 1\n", "    return 11\n")

WHOLE = [
    Reply("path above the fence", "whole", f"app.py\n```\n{NEW}```\n", after={"app.py": NEW}),
    Reply("language on the fence", "whole", f"app.py\n```python\n{NEW}```\n", after={"app.py": NEW}),
    Reply("prose around", "whole", f"Sure.\n\napp.py\n```\n{NEW}```\nDone!\n", after={"app.py": NEW}),
    Reply("unclosed last fence", "whole", f"app.py\n```\n{NEW}", after={"app.py": NEW}),
    Reply("unclosed, cut by length", "whole", f"app.py\n```\n{NEW}", "truncated", finish="length"),
    Reply("blank line below the name", "whole", f"app.py\n\n```\n{NEW}```\n", after={"app.py": NEW}),
    *[
        Reply(f"decorated name {name}", "whole", f"{name}\n```\n{NEW}```\n", after={"app.py": NEW})
        for name in (
            "**app.py**", "`app.py`", "### app.py", "app.py:", "**`app.py`**:", "### **`app.py`:**",
            "# `app.py`", "  app.py  ", "File: app.py", "**File:** `app.py`", "1. `app.py`", "./app.py",
            "// app.py", '"app.py"', "- **app.py**", "<!-- app.py -->", "#### `app.py` :",
        )
    ],
    Reply("sentence above the fence, one file", "whole", f"Here is the new version of it:\n```\n{NEW}```\n", path_level="only", after={"app.py": NEW}),
    Reply("sentence above the fence, two files", "whole", f"Here is the new version:\n```\n{NEW}```\n", "no_path", files=TWO),
    Reply("one word above the fence", "whole", f"Updated:\n```\n{NEW}```\n", path_level="only", after={"app.py": NEW}),
    Reply("a dotted word above the fence", "whole", f"os.path:\n```\n{NEW}```\n", path_level="only", after={"app.py": NEW}),
    Reply("and/or above the fence", "whole", f"and/or\n```\n{NEW}```\n", path_level="only", after={"app.py": NEW}),
    Reply("name in the prose", "whole", f"I changed `app.py` as follows.\n\n```\n{NEW}```\n", path_level="prose", files=TWO, after={**TWO, "app.py": NEW}),
    Reply("last name in the prose wins", "whole", f"`lib/util.py` stays; `app.py` changes.\n\n```\n{NEW}```\n", path_level="prose", files=TWO, after={**TWO, "app.py": NEW}),
    Reply("usage before the file", "whole", f"Usage:\n```\nimport app\n```\n\napp.py\n```\n{NEW}```\n", "ignored", after={"app.py": NEW}),
    Reply("usage after the file", "whole", f"app.py\n```\n{NEW}```\n\nUse it so:\n```python\nimport app\n```\n", after={"app.py": NEW}),
    Reply("shell after the file", "whole", f"app.py\n```\n{NEW}```\n\nRun:\n```bash\npython app.py\n```\n", after={"app.py": NEW}),
    Reply("output of the only unnamed kind", "whole", "It prints\n```output\n1\n```\n", "no_edit"),
    Reply("two unnamed blocks", "whole", f"One:\n```\n{NEW}```\nTwo:\n```\nimport app\n```\n", "duplicate"),
    Reply("named beats prose for one file", "whole", f"See `app.py`.\n\n```\nx = 1\n```\n\napp.py\n```\n{NEW}```\n", "ignored", after={"app.py": NEW}),
    Reply("the same file twice", "whole", f"app.py\n```\n{NEW}```\napp.py\n```\n{APP}\nx = 2\n```\n", "duplicate"),
    Reply("the same file twice alike", "whole", f"app.py\n```\n{NEW}```\napp.py\n```\n{NEW}```\n", after={"app.py": NEW}),
    Reply("basename of a known file", "whole", "util.py\n```\nhelper = None\n```\n", path_level="basename", files=TWO, after={**TWO, "lib/util.py": "helper = None\n"}),
    Reply("new file", "whole", "lib/new.py\n```\nx = 1\n```\n", files=TWO, after={**TWO, "lib/new.py": "x = 1\n"}),
    Reply("new file by word", "whole", "New file: Makefile\n```\nall:\n```\n", after={**ONE, "Makefile": "all:\n"}),
    Reply("misspelled name", "whole", f"ap.py\n```\n{NEW}```\n", "bad_path"),
    Reply("over 250 characters is no name", "whole", f"{'a/' * 130}b.py\n```\n{NEW}```\n", path_level="only", after={"app.py": NEW}),
    Reply("empty body", "whole", "app.py\n```\n```\n", "emptied"),
    Reply("blank body", "whole", "app.py\n```\n\n  \n```\n", "emptied"),
    Reply("body elided by a comment", "whole", "app.py\n```\nimport os\n# ... rest of the code ...\n```\n", "elided"),
    Reply("body elided by dots", "whole", "app.py\n```\nimport os\n...\ndef two():\n    return 3\n```\n", "elided"),
    Reply("body elided by words", "whole", "app.py\n```\nimport os\n# rest of the file remains unchanged\n```\n", "elided"),
    Reply("body with stubs is no elision", "whole", "app.py\n```\ndef one():\n    ...\n# Loading...\n```\n", after={"app.py": "def one():\n    ...\n# Loading...\n"}),
    Reply("longer fence holds a fence", "whole", "doc.md\n````\nText\n```\ncode\n```\nend\n````\n", files={"doc.md": "Old\n"}, after={"doc.md": "Text\n```\ncode\n```\nend\n"}),
    Reply("tagged fence inside", "whole", "doc.md\n```\nText\n```python\ncode\n```\nend\n```\n", files={"doc.md": "Old\n"}, after={"doc.md": "Text\n```python\ncode\n```\nend\n"}),
    Reply("bare fence inside", "whole", "doc.md\n```\nText\n```\ncode\n```\nend\n```\n", "cut_body", files={"doc.md": "Old\n"}),
    Reply("tag fence", "whole", f"app.py\n<source>\n{NEW}</source>\n", after={"app.py": NEW}),
    Reply("tag fence holds backticks", "whole", "doc.md\n<source>\n```\ncode\n```\n</source>\n", files={"doc.md": "Old\n"}, after={"doc.md": "```\ncode\n```\n"}),
    Reply("other tag does not close", "whole", f"app.py\n<source>\n{NEW}</code>\n</source>\n", after={"app.py": NEW + "</code>\n"}),
    Reply("prose only", "whole", "I would rename one() to first().\n", "no_edit"),
    Reply("empty reply", "whole", "", "no_edit"),
    Reply("same as before", "whole", f"app.py\n```\n{APP}```\n", "already_applied", after=ONE),
]  # fmt: skip

DIFF = [
    Reply("block", "diff", GOOD, after={"app.py": NEW}),
    Reply("path inside the fence", "diff-fenced", GOOD.replace("app.py\n```\n", "```\napp.py\n"), after={"app.py": NEW}),
    Reply("path inside, read as diff", "diff", GOOD.replace("app.py\n```\n", "```\napp.py\n"), after={"app.py": NEW}),
    Reply("path above, read as diff-fenced", "diff-fenced", GOOD, after={"app.py": NEW}),
    Reply("no fence", "diff", GOOD.replace("```\n", ""), after={"app.py": NEW}),
    Reply("language on the fence", "diff", GOOD.replace("```\n<", "```python\n<"), after={"app.py": NEW}),
    Reply("five marks", "diff", GOOD.replace("<" * 7, "<" * 5).replace("=" * 7, "=" * 5).replace(">" * 7, ">" * 5), after={"app.py": NEW}),
    Reply("nine marks", "diff", GOOD.replace("<" * 7, "<" * 9).replace("=" * 7, "=" * 9).replace(">" * 7, ">" * 9), after={"app.py": NEW}),
    Reply("four marks", "diff", GOOD.replace("<" * 7, "<" * 4), "bad_marker"),
    Reply("ten marks", "diff", GOOD.replace("<" * 7, "<" * 10), "bad_marker"),
    Reply("SEARCH>", "diff", GOOD.replace("SEARCH", "SEARCH>"), after={"app.py": NEW}),
    Reply("divider as end marker", "diff", GOOD.replace(">>>>>>> REPLACE", "======="), after={"app.py": NEW}),
    Reply("path inherited", "diff", GOOD + "and\n```\n" + block("    return 2\n", "    return 22\n").split("```\n", 1)[1], after={"app.py": NEW.replace("2\n", "22\n")}),
    Reply("no path at all", "diff", GOOD.removeprefix("app.py\n"), "no_path"),
    Reply("sentence above is no path", "diff", GOOD.replace("app.py\n", "Change it so, please:\n"), "no_path"),
    *[
        Reply(f"decorated name {name}", "diff", GOOD.replace("app.py", name, 1), after={"app.py": NEW})
        for name in ("**app.py**", "`app.py`:", "### `app.py`", "File: `app.py`", "**`app.py`:**")
    ],
    Reply("empty SEARCH makes a file", "diff", block("", "x = 1\n", "new.py"), after={**ONE, "new.py": "x = 1\n"}),
    Reply("empty SEARCH appends", "diff", block("", "x = 1\n"), after={"app.py": APP + "x = 1\n"}),
    Reply("shell fence is a command", "diff", GOOD + "```bash\nrm -rf .\n```\n", after={"app.py": NEW}),
    Reply("shell fence with a block is an edit", "diff", GOOD.replace("```\n<", "```bash\n<"), after={"app.py": NEW}),
    Reply("prose only", "diff", "Change one() to return 11.\n", "no_edit"),
    Reply("bare code block", "diff", "app.py\n```python\ndef one():\n    return 11\n```\n", "no_edit"),
    Reply("all deleted", "diff", block(APP, ""), after={"app.py": ""}),
    Reply("twice in the file", "diff", block("\n\n", "\n"), "ambiguous"),
    Reply("trailing blanks", "diff", block("    return 1  \n", "    return 11\n"), level="blank", after={"app.py": NEW}),
    Reply("surplus blank lines", "diff", block("\n\n\n    return 1\n\n\n\n\n", "    return 11\n"), level="blank", after={"app.py": NEW}),
    Reply("less indented", "diff", block("return 1\n", "return 11\n"), level="indent", after={"app.py": NEW}),
    Reply("more indented", "diff", block("        return 1\n", "        return 11\n"), level="indent", after={"app.py": NEW}),
    Reply("elided", "diff", block("import os\n...\n    return 1\n", "import sys\n...\n    return 11\n"), level="elision", after={"app.py": NEW.replace("os", "sys")}),
    Reply("misquoted", "diff", block("def one() :\n    return 1\n", "def one() :\n    return 11\n"), level="fuzzy", after={"app.py": NEW}),
    Reply("several blocks", "diff", GOOD + block("import os\n", ""), after={"app.py": NEW.replace("import os\n", "")}),
    Reply("one of two is bad", "diff", GOOD + block("no such line at all\n", "x\n"), "no_match"),
    Reply("already applied", "diff", block("    return 'one thing'\n", "import os\n\n\ndef one():\n"), "already_applied", after=ONE),
    Reply("inserted already", "diff", block("import os\n", "import os\n\n\ndef one():\n    return 1\n"), "already_applied", after=ONE),
    Reply("missing divider", "diff", GOOD.replace("=======\n", ""), "missing_divider"),
    Reply("missing end", "diff", GOOD.replace(">>>>>>> REPLACE\n", ""), "missing_end"),
    Reply("missing end, cut by length", "diff", GOOD[: GOOD.index("11")], "truncated", finish="length"),
    Reply("cut within SEARCH", "diff", GOOD[: GOOD.index("=====")], "truncated", finish="length"),
    Reply("missing end before a good block", "diff", GOOD.replace(">>>>>>> REPLACE\n", "") + block("import os\n", "import sys\n"), "missing_end"),
    Reply("divider in the file, in SEARCH", "diff", block("Title\n=======\n\nold text\n", "Title\n=======\n\nnew text\n", "doc.rst"), files={"doc.rst": RST}, after={"doc.rst": RST.replace("old", "new")}),
    Reply("divider in REPLACE alone", "diff", block("old text\n", "Head\n=======\ntext\n", "doc.rst"), files={"doc.rst": RST}, after={"doc.rst": RST.replace("old text", "Head\n=======\ntext")}),
    Reply("markers in the file", "diff", block("<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n", "none\n", "doc.md"), files={"doc.md": "x\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\ny\n"}, after={"doc.md": "x\nnone\ny\n"}),
    Reply("windows endings in the reply", "diff", GOOD.replace("\n", "\r\n"), after={"app.py": NEW}),
    Reply("windows endings in the file", "diff", GOOD, files={"app.py": APP.replace("\n", "\r\n")}, after={"app.py": NEW.replace("\n", "\r\n")}),
    Reply("no final newline", "diff", block("    return 2\n", "    return 22\n"), files={"app.py": APP[:-1]}, after={"app.py": APP[:-1] + "2"}),
    Reply("close name", "diff", GOOD.replace("app.py", "appp.py"), path_level="close", after={"app.py": NEW}),
    Reply("basename", "diff", block("    return value\n", "    return 0\n", "util.py"), path_level="basename", files=TWO, after={**TWO, "lib/util.py": "def helper(value):\n    return 0\n"}),
    Reply("other file holds the text", "diff", block("    return value\n", "    return 0\n"), "no_match", files=TWO),
    Reply("unknown file", "diff", GOOD.replace("app.py", "unknown_thing.py"), "no_file"),
    Reply("lazy comment written", "diff", block("    return 1\n", "    # ... existing code ...\n    return 11\n"), "elided"),
]  # fmt: skip

UDIFF_TEXT = (
    "--- a/app.py\n+++ b/app.py\n@@ -4,2 +4,2 @@\n def one():\n-    return 1\n+    return 11\n"
)

UDIFF = [
    Reply("fenced", "udiff", f"```diff\n{UDIFF_TEXT}```\n", after={"app.py": NEW}),
    Reply("bare", "udiff", f"Here:\n{UDIFF_TEXT}", after={"app.py": NEW}),
    Reply("wrong line numbers", "udiff", f"```diff\n{UDIFF_TEXT.replace('-4,2 +4,2', '-400,9 +1,1')}```\n", after={"app.py": NEW}),
    Reply("no numbers", "udiff", f"```diff\n{UDIFF_TEXT.replace('-4,2 +4,2 @@', '... @@')}```\n", after={"app.py": NEW}),
    Reply("no @@", "udiff", f"```diff\n{UDIFF_TEXT.replace('@@ -4,2 +4,2 @@' + chr(10), '')}```\n", after={"app.py": NEW}),
    Reply("one prefix stays", "udiff", f"```diff\n{UDIFF_TEXT.replace('a/app', 'app').replace('b/app', 'app')}```\n", after={"app.py": NEW}),
    Reply("unclosed fence", "udiff", f"```diff\n{UDIFF_TEXT}", after={"app.py": NEW}),
    Reply("unclosed, cut by length", "udiff", f"```diff\n{UDIFF_TEXT}", "truncated", finish="length"),
    Reply("new file", "udiff", "```diff\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+x = 1\n+y = 2\n```\n", after={**ONE, "new.py": "x = 1\ny = 2\n"}),
    Reply("deleted file", "udiff", "```diff\n--- a/lib/util.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-def helper(value):\n-    return value\n```\n", files=TWO, after=ONE),
    Reply("renamed file", "udiff", "```diff\ndiff --git a/app.py b/main.py\nsimilarity index 100%\nrename from app.py\nrename to main.py\n```\n", after={"main.py": APP}),
    Reply("hunk twice", "udiff", f"```diff\n{UDIFF_TEXT}```\nagain\n```diff\n{UDIFF_TEXT}```\n", after={"app.py": NEW}),
    Reply("slight text twice", "udiff", "```diff\n--- a/a.py\n+++ b/a.py\n@@ @@\n-x\n+y\n```\n", "ambiguous", files={"a.py": "x\n1\nx\n"}),
    Reply("context shrinks", "udiff", "```diff\n--- a/app.py\n+++ b/app.py\n@@ @@\n import json\n def one():\n-    return 1\n+    return 11\n \n class Gone:\n```\n", level="fuzzy", after={"app.py": NEW}),
    Reply("blank context without its blank", "udiff", "```diff\n--- a/app.py\n+++ b/app.py\n@@ @@\n import os\n\n\n def one():\n-    return 1\n+    return 11\n```\n", after={"app.py": NEW}),
    Reply("no file named", "udiff", "```diff\n@@ -1 +1 @@\n-import os\n+import sys\n```\n", "bad_line"),
    Reply("insertion without context", "udiff", "```diff\n--- a/app.py\n+++ b/app.py\n@@ @@\n+x = 1\n```\n", "no_context"),
    Reply("deleted comment of SQL", "udiff", "```diff\n--- a/q.sql\n+++ b/q.sql\n@@ @@\n select 1;\n--- old note here\n+-- new note here\n```\n", files={"q.sql": "select 1;\n-- old note here\n"}, after={"q.sql": "select 1;\n-- new note here\n"}),
    Reply("no newline mark", "udiff", f"```diff\n{UDIFF_TEXT}\\ No newline at end of file\n```\n", after={"app.py": NEW}),
    Reply("prose only", "udiff", "Nothing to do.\n", "no_edit"),
]  # fmt: skip

PATCH_TEXT = "*** Begin Patch\n*** Update File: app.py\n@@ def one():\n-    return 1\n+    return 11\n*** End Patch\n"

PATCH = [
    Reply("update", "patch", PATCH_TEXT, after={"app.py": NEW}),
    Reply("prose and fence around", "patch", f"I will do this:\n\n```\n{PATCH_TEXT}```\nDone.\n", after={"app.py": NEW}),
    Reply("no outer lines", "patch", PATCH_TEXT.replace("*** Begin Patch\n", "").replace("*** End Patch\n", ""), after={"app.py": NEW}),
    Reply("add", "patch", "*** Begin Patch\n*** Add File: new.py\n+x = 1\n+\n+y = 2\n*** End Patch\n", after={**ONE, "new.py": "x = 1\n\ny = 2\n"}),
    Reply("add what exists", "patch", "*** Begin Patch\n*** Add File: app.py\n+x = 1\n*** End Patch\n", "exists"),
    Reply("delete", "patch", "*** Begin Patch\n*** Delete File: lib/util.py\n*** End Patch\n", files=TWO, after=ONE),
    Reply("delete by a near name", "patch", "*** Begin Patch\n*** Delete File: lib/utils.py\n*** End Patch\n", "no_file", files=TWO),
    Reply("move", "patch", PATCH_TEXT.replace("@@", "*** Move to: lib/app.py\n@@"), after={"lib/app.py": NEW}),
    Reply("move onto a file", "patch", PATCH_TEXT.replace("@@", "*** Move to: lib/util.py\n@@"), "exists", files=TWO),
    Reply("scope chooses", "patch", "*** Begin Patch\n*** Update File: a.py\n@@ class B:\n@@     def f(self):\n-        return 0\n+        return 1\n*** End Patch\n", files={"a.py": "class A:\n    def f(self):\n        return 0\n\n\nclass B:\n    def f(self):\n        return 0\n"}, after={"a.py": "class A:\n    def f(self):\n        return 0\n\n\nclass B:\n    def f(self):\n        return 1\n"}),
    Reply("no scope, two places", "patch", "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** End Patch\n", "ambiguous", files={"a.py": "x\n1\nx\n"}),
    Reply("end of file chooses", "patch", "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** End of File\n*** End Patch\n", files={"a.py": "x\n1\nx\n"}, after={"a.py": "x\n1\ny\n"}),
    Reply("inserted under its scope", "patch", "*** Begin Patch\n*** Update File: app.py\n@@ def one():\n+    # first\n*** End Patch\n", after={"app.py": APP.replace("one():\n", "one():\n    # first\n")}),
    Reply("two files", "patch", PATCH_TEXT.replace("*** End Patch", "*** Update File: lib/util.py\n@@\n-    return value\n+    return 0\n*** End Patch"), files=TWO, after={"app.py": NEW, "lib/util.py": "def helper(value):\n    return 0\n"}),
    Reply("no end", "patch", PATCH_TEXT.replace("*** End Patch\n", ""), "missing_end"),
    Reply("cut by length", "patch", PATCH_TEXT.replace("*** End Patch\n", ""), "truncated", finish="length"),
    Reply("unknown marker", "patch", PATCH_TEXT.replace("@@", "*** Replace All\n@@"), "bad_line"),
    Reply("added line without plus", "patch", "*** Begin Patch\n*** Add File: new.py\nx = 1\n*** End Patch\n", "bad_line"),
    Reply("trailing blank", "patch", PATCH_TEXT.replace("return 1\n", "return 1 \n"), level="blank", after={"app.py": NEW}),
    Reply("prose only", "patch", "Nothing to do.\n", "no_edit"),
]  # fmt: skip

REPLIES = [*WHOLE, *DIFF, *UDIFF, *PATCH]

HOSTILE_PATHS = [
    "../up.py", "../../etc/passwd.txt", "/etc/passwd", "/app.py", "a/../../b.py", "lib/../app.py", "~/x.py", "C:\\x.py",
    "c:/x.py", "\\\\host\\x.py", "..\\up.py", ".git/config.txt", ".git/hooks/pre.sh", "lib/.hidden/x.py",
    ".env", ".bashrc", "a\x00b.py", "a\u202eyp.exe.py", "lib//../../x.py", "./../x.py", "http://host/x.py",
    "test_app.py", "tests/x.py", "app_test.py", "conftest.py", "lib/test/x.py", "app.py/x.py", "lib/", "..", ".", "a/./../../b.py",
    "\ud800.py", "%2e%2e/x.py/../../y.py", "CON:/x.py", "-/../x.py", "a" * 256 + ".py", "lib/ /x.py", "nul\x07.py", "....//x.py",
]  # fmt: skip
"""Names that lead out of the folder, or into what no reply may touch."""
