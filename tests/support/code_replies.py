"""Awkward replies of models and the program each wants run, None where there is none.

Written from the rules before the extractor was, class by class. The programs print, so
that a test can also run every one of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold one reply, how it ended, and the one program in it."""

    name: str
    text: str
    program: str | None
    finish_reason: str | None = "stop"


_FENCE_STYLES = [
    Reply("plain", "Let us compute.\n```python\nprint(6 * 7)\n```\nDone.", "print(6 * 7)"),
    Reply("capital tag", "```Python\nprint(1)\n```", "print(1)"),
    Reply("py3 tag", "```py3\nprint(1)\n```", "print(1)"),
    Reply("versioned tag", "```python3.11\nprint(1)\n```", "print(1)"),
    Reply("braces and classes", "```{.python .input n=3}\nprint(1)\n```", "print(1)"),
    Reply("knitr braces", "```{python echo=FALSE}\nprint(1)\n```", "print(1)"),
    Reply("attributes", '```python title="a.py" linenums="1"\nprint(1)\n```', "print(1)"),
    Reply("language- prefix", "```language-python\nprint(1)\n```", "print(1)"),
    Reply("file name as tag", "```solution.py\nprint(1)\n```", "print(1)"),
    Reply("tag and file name", "```python:solve.py\nprint(1)\n```", "print(1)"),
    Reply("blank before the tag", "``` python\nprint(1)\n```", "print(1)"),
    Reply("sage tag", "```sage\nprint(1)\n```", "print(1)"),
    Reply("tool_code tag", "```tool_code\nprint(1)\n```", "print(1)"),
    Reply("tildes", "~~~py\nprint(1)\n~~~", "print(1)"),
    Reply("tildes hold backticks", '~~~python\nprint("""\n```\n""")\n~~~', 'print("""\n```\n""")'),
    Reply("longer closing fence", "```python\nprint(1)\n`````", "print(1)"),
    Reply("four backticks", "````python\nprint('```')\n````", "print('```')"),
    Reply("blanks behind the close", "```python\nprint(1)\n```   \t\nok", "print(1)"),
    Reply("words behind the close", "```python\nprint(1)\n``` This prints one.\nok", "print(1)"),
    Reply(
        "close at the end of the last line", "```python\nx = 1\nprint(x)```\nok", "x = 1\nprint(x)"
    ),
    Reply("open at the end of a sentence", "The code: ```python\nprint(1)\n```\nok", "print(1)"),
    Reply("one line, tagged", "```python print(6 * 7)```", "print(6 * 7)"),
    Reply("one line, bare", "```print(6 * 7)```", "print(6 * 7)"),
    Reply("one line in a sentence", "Run ```python print(6 * 7)``` and see.", "print(6 * 7)"),
    Reply("inline code is none", "Use `print(5)` or ```x``` here.", None),
    Reply("empty block", "```python\n```", None),
    Reply("only comments", "```python\n# nothing to do\n```", None),
    Reply("no code at all", "The answer is \\boxed{7}.", None),
]

_PLACES = [
    Reply(
        "list item",
        "1. Compute:\n   ```python\n   for i in range(2):\n       print(i)\n   ```\n2. Done",
        "for i in range(2):\n    print(i)",
    ),
    Reply("fence on the bullet", "- ```python\n  print(1)\n  ```", "print(1)"),
    Reply(
        "only the fence is indented",
        "   ```python\nif True:\n    print(1)\n   ```",
        "if True:\n    print(1)",
    ),
    Reply(
        "first line indented alone",
        "* Step\n  ```python\n  x = 2\nprint(x)\n  ```",
        "x = 2\nprint(x)",
    ),
    Reply("tabs", "\t```python\n\tif 1:\n\t\tprint(1)\n\t```", "if 1:\n\tprint(1)"),
    Reply(
        "block quote",
        "> So:\n> ```python\n> for i in [1]:\n>     print(i)\n> ```\n",
        "for i in [1]:\n    print(i)",
    ),
    Reply("carriage returns", "```python\r\nx = 1\r\nprint(x)\r\n```\r\n", "x = 1\nprint(x)"),
    Reply("old line endings", "Hi\r```python\rx = 1\rprint(x)\r```\r", "x = 1\nprint(x)"),
    Reply(
        "inside a markdown block",
        "````markdown\n# Plan\n```python\nprint(1)\n```\nend\n````",
        "print(1)",
    ),
    Reply(
        "inside a markdown block of the same length",
        "```markdown\n# Plan\n```python\nprint(1)\n```\nend\n```",
        "print(1)",
    ),
    Reply(
        "behind the thinking",
        "<think>\n```python\nprint(1)\n```\n</think>\n```python\nprint(2)\n```",
        "print(2)",
    ),
    Reply("only in the thinking", "<think>\n```py\nprint(1)\n```\n</think>\nIt is 1.", "print(1)"),
    Reply(
        "thinking never closed",
        "<think>Try\n```python\nprint(3)\n```\nand so",
        "print(3)",
        "length",
    ),
    Reply(
        "thinking ended inside its block",
        "<think>\n```python\nprint(1)\n</think>\nSo it is one.",
        "print(1)",
    ),
    Reply(
        "stray fence behind the thinking",
        "<think>x</think>\n```\n\nNow run:\n```python\nprint(2)\n```",
        "print(2)",
    ),
]

_STRINGS = [
    Reply(
        "fence in a string",
        'Here:\n```python\ntext = """\n```\n"""\nprint(len(text))\n```\nok',
        'text = """\n```\n"""\nprint(len(text))',
    ),
    Reply(
        "two fences in a string",
        "```python\ns = '''\n```python\nx\n```\n'''\nprint(s.count('`'))\n```\n",
        "s = '''\n```python\nx\n```\n'''\nprint(s.count('`'))",
    ),
    Reply(
        "a string nobody closed ends at its fence",
        '```python\ns = """oops\n```\nAgain:\n```python\nprint(2)\n```',
        "print(2)",
    ),
    Reply("backticks in a comment", "```python\n# use ```\nprint(1)\n```", "# use ```\nprint(1)"),
    Reply(
        "hash in a string",
        '```python\ns = \'#"""\'\nprint(s)\n```\nok\n```output\n#\n```',
        's = \'#"""\'\nprint(s)',
    ),
]

_UNPAIRED = [
    Reply("never closed", "Code:\n```python\nx = 1\nprint(x)\n", "x = 1\nprint(x)"),
    Reply(
        "never closed, prose behind",
        "```python\nx = 1\nprint(x)\n\nThe answer is 1, as shown above.",
        "x = 1\nprint(x)",
    ),
    Reply(
        "next block closes it",
        "```python\nprint(1)\n\nBetter:\n```python\nprint(2)\n```",
        "print(2)",
    ),
    Reply(
        "output fence closes it",
        "```python\nprint(1)\n```output\n1\n```\nSo 1.",
        "print(1)",
    ),
    Reply(
        "stray closing fence, then code",
        "```python\nprint(1)\n```\n```\nNo, wait.\n```python\nprint(2)\n```",
        "print(2)",
    ),
    Reply(
        "opening fence in the prompt",
        "x = 6\nprint(x * 7)\n```\nThis prints 42.",
        "x = 6\nprint(x * 7)",
    ),
    Reply("closing fence too short", "````python\nprint(1)\n```\nIt prints one.", "print(1)"),
    Reply(
        "closing fence of the other kind", "```python\nprint(1)\n~~~\nIt prints one.", "print(1)"
    ),
    Reply(
        "text all code",
        "import math\n\nprint(math.comb(10, 3))",
        "import math\n\nprint(math.comb(10, 3))",
    ),
    Reply(
        "code behind a sentence",
        "Here is the program:\n\nimport math\nprint(math.gcd(12, 18))\n\nIt prints the divisor.",
        "import math\nprint(math.gcd(12, 18))",
    ),
    Reply(
        "indented code",
        "We run\n\n    total = sum(range(5))\n    print(total)\n\nand get ten.",
        "total = sum(range(5))\nprint(total)",
    ),
    Reply("indented formula", "We get\n\n    x = 5\n\nand so on.", None),
    Reply("indented prose", "As he said\n\n    Paris\n    is worth a mass\n\nindeed.", None),
    Reply("prose alone", "From this we import nothing. For x in S, f(x) is 3.", None),
]

_CUT = [
    Reply("cut in a call", "```python\nx = 1\nprint(x)\nprint(max(x,", "x = 1\nprint(x)", "length"),
    Reply("cut behind a colon", "```python\nprint(1)\nfor i in range(3):\n", "print(1)", "length"),
    Reply("cut in a string", "```python\nprint(1)\ns = 'abc", "print(1)", "length"),
    Reply(
        "cut in a docstring",
        '```python\nprint(1)\ndef f():\n    """Say\n    a b',
        "print(1)",
        "length",
    ),
    Reply(
        "cut in a long list",
        "```python\nprint(1)\nrows = [\n" + "    [1, 2, 3],\n" * 60,
        "print(1)",
        "length",
    ),
    Reply(
        "cut in a try",
        "```python\nprint(1)\ntry:\n" + "    x = 1\n" * 30,
        "print(1)",
        "length",
    ),
    Reply("cut at a decorator", "```python\nprint(1)\n@cache\n", "print(1)", "length"),
    Reply(
        "cut, nothing left: the block before",
        "```python\nprint(1)\n```\nBetter:\n```python\nfor i in (",
        "print(1)",
        "length",
    ),
    Reply("cut, nothing left", "```python\nfor i in (", None, "length"),
    Reply("cut in the tag", "So\n```pyth", None, "length"),
    Reply(
        "cut with a Unicode minus before",
        "```python\na = 5 \u2212 3\nprint(a)\nprint(a +",
        "a = 5 - 3\nprint(a)",
        "length",
    ),
]

_STREAMING = [
    Reply("open block while streaming", "```python\nprint(1)\n", None, None),
    Reply("closed block while streaming", "```python\nprint(1)\n```", "print(1)", None),
    Reply(
        "closed, then open, while streaming",
        "```python\nprint(1)\n```\nNow\n```python\nprint(2)",
        "print(1)",
        None,
    ),
    Reply("bare code while streaming", "import math\nprint(math.pi)\n", None, None),
    Reply(
        "open tool call while streaming",
        '<tool_call>{"name": "python", "arguments": {"code": "print(1)\\n',
        None,
        None,
    ),
]

_OUTPUT = [
    Reply("output block", "```python\nprint(42)\n```\n```output\n42\n```", "print(42)"),
    Reply("text block", "```python\nprint(42)\n```\n```text\nx = 42\n```", "print(42)"),
    Reply("console block", "```console\n$ python a.py\n```\n", None),
    Reply("shell block", "```python\nprint(1)\n```\n```bash\npython a.py\n```", "print(1)"),
    Reply("latex and json blocks", "```latex\nx = 1\n```\n```json\n[1]\n```", None),
    Reply("yaml block", "```py\nprint(1)\n```\n```yaml\nkey: 1\n```", "print(1)"),
    Reply("other language", "```cpp\nprint(1);\n```\n```JavaScript\nprint(1)\n```", None),
    Reply("pasted number", "```python\nprint(42)\n```\n```\n42\n```", "print(42)"),
    Reply(
        "pasted list", "```python\nprint([1, 2])\n```\nOutput:\n```\n[1, 2]\n```", "print([1, 2])"
    ),
    Reply("pasted sum", "```python\nprint(4)\n```\n```\n2 + 2 = 4\n```", "print(4)"),
    Reply("pasted assignment", "```python\nprint(4)\n```\n```\nn = 4\n```", "print(4)"),
    Reply("pasted name", "```python\nprint('no')\n```\n```\nno\n```", "print('no')"),
    Reply(
        "pasted repr",
        "```python\nprint({'a': 1})\n```\n```\nCounter({'a': 1})\n```",
        "print({'a': 1})",
    ),
    Reply(
        "pasted traceback",
        "```python\nprint(1)\n```\n```\nTraceback (most recent call last):\nNameError: x\n```",
        "print(1)",
    ),
    Reply(
        "labelled output that is Python",
        "```python\nprint('print(7)')\n```\n**Output:**\n```\nprint(7)\n```",
        "print('print(7)')",
    ),
    Reply(
        "untagged code",
        "Run:\n```\nfor i in range(2):\n    print(i)\n```",
        "for i in range(2):\n    print(i)",
    ),
    Reply(
        "untagged code behind tagged",
        "```python\nprint(1)\n```\nor\n```\nprint(2)\n```",
        "print(2)",
    ),
    Reply("untagged digits alone", "```\n3.14\n```", None),
]

_CLEANING = [
    Reply(
        "prompts",
        "```pycon\n>>> def f(n):\n...     return n * 2\n...\n>>> print(f(21))\n42\n```",
        "def f(n):\n    return n * 2\n\nprint(f(21))",
    ),
    Reply(
        "prompts, a bare end", "```python\n>>> x = 20\n>>> x + 1\n21\n```", "x = 20\nprint(x + 1)"
    ),
    Reply("prompts without a tag", "```\n>>> print(6 * 7)\n42\n```", "print(6 * 7)"),
    Reply(
        "prompts in a docstring stay",
        '```python\ndef f():\n    """\n    >>> f()\n    1\n    """\n    return 1\nprint(f())\n```',
        'def f():\n    """\n    >>> f()\n    1\n    """\n    return 1\nprint(f())',
    ),
    Reply(
        "notebook prompts",
        "```ipython\nIn [1]: x = 6\nIn [2]: def f(n):\n   ...:     return n * 7\n   ...:\nIn [3]: f(x)\nOut[3]: 42\n```",
        "x = 6\ndef f(n):\n    return n * 7\n\nprint(f(x))",
    ),
    Reply("one notebook prompt", "```python\nIn [3]: x = 6\nprint(x)\n```", "x = 6\nprint(x)"),
    Reply("shell line", "```python\n!pip install sympy\nprint(1)\n```", "print(1)"),
    Reply("pip without the mark", "```python\npip install sympy\nprint(1)\n```", "print(1)"),
    Reply("magic line", "```python\n%matplotlib inline\nprint(1)\n```", "print(1)"),
    Reply("cell magic", "```python\n%%time\nprint(1)\n```", "print(1)"),
    Reply(
        "cell of another language",
        "```python\nprint(1)\n```\n```python\n%%bash\nls\n```",
        "print(1)",
    ),
    Reply(
        "remainder at the start of a line stays",
        "```python\nx = (7\n% 4)\nprint(x)\n```",
        "x = (7\n% 4)\nprint(x)",
    ),
    Reply(
        "only a shell line",
        "```python\nprint(1)\n```\n```python\n!pip install numpy\n```",
        "print(1)",
    ),
    Reply(
        "Unicode minus and times", "```python\nprint(7 \u2212 2 \u00d7 3)\n```", "print(7 - 2 * 3)"
    ),
    Reply(
        "curly quotes", "```python\nprint(\u201ca\u201d + \u2018b\u2019)\n```", "print(\"a\" + 'b')"
    ),
    Reply(
        "Unicode in a string stays",
        "```python\nprint('5 \u2212 3 \u201cx\u201d')\n```",
        "print('5 \u2212 3 \u201cx\u201d')",
    ),
    Reply(
        "only the wrong signs change",
        "```python\nprint('\u201cx\u201d', 5 \u2212 3)\n```",
        "print('\u201cx\u201d', 5 - 3)",
    ),
    Reply(
        "blanks that do not break",
        "```python\nif True:\n\u00a0\u00a0\u00a0\u00a0print(1)\n```",
        "if True:\n    print(1)",
    ),
    Reply("HTML entities", "```python\nif 1 &lt; 2:\n    print(1)\n```", "if 1 < 2:\n    print(1)"),
    Reply("prompts and a minus", "```\n>>> print(5 \u2212 3)\n2\n```", "print(5 - 3)"),
]

_CARRIERS = [
    Reply("code tag", "<code>\nx = 6\nprint(x * 7)\n</code>", "x = 6\nprint(x * 7)"),
    Reply(
        "HTML code",
        '<pre><code class="language-python">for i in range(2):\n    print(i &lt; 1)\n</code></pre>',
        "for i in range(2):\n    print(i < 1)",
    ),
    Reply("code tag in a sentence", "Use <code>print</code> and see.", None),
    Reply("python tag", "<python>\nprint(1)\n</python>", "print(1)"),
    Reply("python tag with a fence", "<python>\n```python\nprint(1)\n```\n</python>", "print(1)"),
    Reply(
        "tool call",
        '<tool_call>\n{"name": "python", "arguments": {"code": "x = 6\\nprint(x * 7)"}}\n</tool_call>',
        "x = 6\nprint(x * 7)",
    ),
    Reply(
        "tool call with its arguments as text",
        '{"name": "python", "arguments": "{\\"code\\": \\"print(\\\\\\"a\\\\\\")\\\\nprint(2)\\"}"}',
        'print("a")\nprint(2)',
    ),
    Reply(
        "tool call with raw line ends",
        '<tool_call>{"name": "run", "arguments": {"code": "x = 6\nprint(x)"}}</tool_call>',
        "x = 6\nprint(x)",
    ),
    Reply(
        "tool call in a JSON block",
        '```json\n{"name": "python", "arguments": {"code": "print(1)"}}\n```',
        "print(1)",
    ),
    Reply("tool call holding a fence", '{"code": "```python\\nprint(1)\\n```"}', "print(1)"),
    Reply(
        "tool call cut off",
        '<tool_call>{"name": "python", "arguments": {"code": "print(1)\\nprint(max(',
        "print(1)",
        "length",
    ),
    Reply(
        "code parameter",
        "<function=python>\n<parameter=code>\nprint(1)\n</parameter>\n</function>",
        "print(1)",
    ),
    Reply("python token", "<|python_tag|>print(6 * 7)<|eom_id|>", "print(6 * 7)"),
    Reply("python token to the end", "Let me see.<|python_tag|>x = 2\nprint(x)", "x = 2\nprint(x)"),
    Reply(
        "message to python",
        "<|start|>assistant<|channel|>analysis to=python code<|message|>print(1)<|call|>",
        "print(1)",
    ),
    Reply(
        "a fence comes before a carrier",
        "<code>print(1)</code>\n```python\nprint(2)\n```",
        "print(2)",
    ),
    Reply("JSON that is no tool call", '{"answer": 42, "steps": ["print(1)"]}', None),
]

_BLOCKS = [
    Reply("the last one", "```python\nprint(1)\n```\nNo:\n```python\nprint(2)\n```", "print(2)"),
    Reply(
        "continued",
        "```python\nx = 6\n```\nthen\n```python\nprint(x * 7)\n```",
        "x = 6\nprint(x * 7)",
    ),
    Reply(
        "import continued, a block between left out",
        "```python\nimport math\n```\n```python\nprint('aside')\n```\n```python\nprint(math.pi)\n```",
        "import math\nprint(math.pi)",
    ),
    Reply(
        "the newest definition alone",
        "```python\ndef f():\n    return 1\n```\n```python\ndef f():\n    return 2\n```\n```python\nprint(f())\n```",
        "def f():\n    return 2\nprint(f())",
    ),
    Reply(
        "needed through another",
        "```python\na = 2\n```\n```python\nb = a + 1\n```\n```python\nprint(b)\n```",
        "a = 2\nb = a + 1\nprint(b)",
    ),
    Reply(
        "a sum that goes on in a loop",
        "```python\ntotal = 0\n```\n```python\nfor i in range(4):\n    total += i\nprint(total)\n```",
        "total = 0\nfor i in range(4):\n    total += i\nprint(total)",
    ),
    Reply(
        "untagged start, tagged end",
        "```\nn = 5\n```\n```python\nprint(n * n)\n```",
        "n = 5\nprint(n * n)",
    ),
    Reply(
        "the broken last block gives way",
        "```python\nprint(1)\n```\nor\n```python\nprint(2))\n```",
        "print(1)",
    ),
    Reply(
        "a tagged literal is no program beside one",
        "```python\nprint([1])\n```\nThis gives\n```python\n[1]\n```",
        "print([1])",
    ),
    Reply(
        "output between",
        "```python\nx = 2\n```\n```\n2\n```\n```python\nprint(x)\n```",
        "x = 2\nprint(x)",
    ),
    Reply(
        "an argument is no free name",
        "```python\nn = 1\n```\n```python\ndef f(n):\n    return n\nprint(f(2))\n```",
        "def f(n):\n    return n\nprint(f(2))",
    ),
    Reply(
        "two prompts sessions",
        "```\n>>> x = 4\n```\n```\n>>> x ** 2\n16\n```",
        "x = 4\nprint(x ** 2)",
    ),
]

_PRINTING = [
    Reply("last expression", "```python\nx = 6\nx * 7\n```", "x = 6\nprint(x * 7)"),
    Reply(
        "expression over lines",
        "```python\nmax(\n    1,\n    2,\n)  # two\n```",
        "print(max(\n    1,\n    2,\n))  # two",
    ),
    Reply("a tuple", "```python\na, b = 1, 2\na, b\n```", "a, b = 1, 2\nprint((a, b))"),
    Reply("last assigned name", "```python\nresult = 6 * 7\n```", "result = 6 * 7\nprint(result)"),
    Reply(
        "name assigned in a loop",
        "```python\ntotal = 0\nfor i in range(4):\n    total += i\n```",
        "total = 0\nfor i in range(4):\n    total += i\nprint(total)",
    ),
    Reply(
        "found by a loop",
        "```python\nfor n in range(1, 99):\n    if n * n > 50:\n        break\n```",
        "for n in range(1, 99):\n    if n * n > 50:\n        break\nprint(n)",
    ),
    Reply(
        "the counter is not the result",
        "```python\ni = s = 0\nwhile i < 4:\n    s += i\n    i += 1\n```",
        "i = s = 0\nwhile i < 4:\n    s += i\n    i += 1\nprint(s)",
    ),
    Reply(
        "collected in a loop",
        "```python\nfound = []\nfor n in range(5):\n    found.append(n)\n```",
        "found = []\nfor n in range(5):\n    found.append(n)\nprint(found)",
    ),
    Reply(
        "final function",
        "```python\ndef solve():\n    return 42\n```",
        "def solve():\n    return 42\nprint(solve())",
    ),
    Reply(
        "final function that prints",
        "```python\ndef main():\n    print(42)\n```",
        "def main():\n    print(42)\nmain()",
    ),
    Reply(
        "final function already called",
        "```python\ndef main():\n    print(42)\n\nmain()\n```",
        "def main():\n    print(42)\n\nmain()",
    ),
    Reply(
        "under the main guard",
        '```python\ndef main():\n    return 42\n\nif __name__ == "__main__":\n    main()\n```',
        'def main():\n    return 42\n\nif __name__ == "__main__":\n    print(main())',
    ),
    Reply(
        "written to stdout",
        "```python\nimport sys\nn = sys.stdout.write('1')\n```",
        "import sys\nn = sys.stdout.write('1')",
    ),
    Reply(
        "an earlier block prints, the last does not",
        "```python\nx = 6\nprint(x)\n```\n```python\nx * 7\n```",
        "x = 6\nprint(x)\nprint(x * 7)",
    ),
    Reply(
        "calls an earlier function that prints",
        "```python\ndef show():\n    print(42)\n```\n```python\nshow()\n```",
        "def show():\n    print(42)\nshow()",
    ),
]

REPLIES = [
    *_FENCE_STYLES,
    *_PLACES,
    *_STRINGS,
    *_UNPAIRED,
    *_CUT,
    *_STREAMING,
    *_OUTPUT,
    *_CLEANING,
    *_CARRIERS,
    *_BLOCKS,
    *_PRINTING,
]
