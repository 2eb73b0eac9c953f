r"""A second corpus of replies as models end them, written apart from the first.

The value of each was written down before any reader saw it: in lowest terms, as `show`
writes it, None where no single rational number is stated. `FINISHED` replies ended by
themselves, `CUT` ones ran into the token limit.
"""

type Cases = dict[str, list[tuple[str, str | None]]]

FINISHED: Cases = {
    "QwQ": [
        (
            (
                "Okay, let me see. The sum is 5050, wait, no, let me recheck. Yes 5050.\n</think>\n\n"
                "To find the sum, we use Gauss's formula.\n\n**Final Answer**\n\\boxed{5050}"
            ),
            "5050",
        ),
        (
            (
                "Hmm, so 3 times 7 is 21. But wait, the question asks for twice that. So 42.\n\n"
                "**Final Answer**\n\nThe final answer is \\(\\boxed{42}\\)."
            ),
            "42",
        ),
        (
            (
                "So the answer is \\boxed{17}. Wait, that's not right: I forgot the prime 2. "
                "Adding it gives 18. So the final answer is \\boxed{18}."
            ),
            "18",
        ),
        (
            (
                "I get $\\boxed{\\dfrac{7}{12}}$ after checking twice.\n\nTherefore, the probability is "
                "$\\boxed{\\dfrac{7}{12}}$."
            ),
            "7/12",
        ),
        ("</think>\n\nThe remainder when $N$ is divided by 1000 is \\boxed{016}.", "16"),
        ("...thus \\(m+n = 3 + 44 = 47\\).\n\n**Final Answer**\n\\[ \\boxed{47} \\]", "47"),
        ("Answer: \\boxed{-\\frac{3}{8}}", "-3/8"),
        (
            (
                "Alternatively, maybe the answer is 12? Hmm, no.\n</think>\n\n**Answer:** The number of "
                "ways is $2^{10} - 1 = \\boxed{1023}$."
            ),
            "1023",
        ),
        ("</think>\nThe value of $x$ is $\\boxed{x = 9}$.", "9"),
        ("</think>\n\n\\boxed{3.50}", "7/2"),
    ],
    "DeepSeek-R1": [
        (
            (
                "<think>\nFirst, 12 * 12 = 144. Is that all? I could write \\boxed{143}, but no.\n"
                "</think>\n\nThe area of the square is \\(12 \\times 12 = \\boxed{144}\\) square units."
            ),
            "144",
        ),
        ("<think>\n\n</think>\n\nThe capital has $8$ letters, so the answer is **8**.", "8"),
        (
            (
                "<think>\nLet me compute.\n</think>\n\n1. First we find $a = 3$.\n2. Then $b = 4$.\n\n"
                "Hence $c = 5$.\n\n**Answer:** $\\boxed{5}$"
            ),
            "5",
        ),
        (
            (
                "<think>It should be \\boxed{8}.</think>\nAfter review, the correct value is "
                "\\boxed{9}, since the endpoints count."
            ),
            "9",
        ),
        (
            (
                "<think>\nx=7\n</think>\n\n**Solution:**\n\nSubtract 3 from both sides:\n\\[\n2x = 14\n\\]\n"
                "so\n\\[\nx = 7\n\\]\n\n**Answer:** \\(x = 7\\)"
            ),
            "7",
        ),
        ("<think>\nok\n</think>\n\nThe final result is $\\boxed{1{,}024}$ bytes.", "1024"),
        ("<think>\nhm\n</think>\n\n**Answer:** \\(\\dfrac{5}{6}\\)", "5/6"),
        ("<think>\n6 apples\n</think>\n\nShe has **6 apples** left.", "6"),
        ("<think>\nno idea\n</think>\n\nThe problem does not determine a unique answer.", None),
        ("<think>\n2 or 3?\n</think>\n\nThe answer is either 2 or 3.", None),
        ("<think>\nSo 12.\n</think>\n\nBoth roots work, so $x = 2$ and $x = 5$.", None),
        ("<think>\nthe answer is \\boxed{31}\n</think>\n\n", "31"),
    ],
    "Qwen2.5-Math": [
        (
            (
                "To solve this, we follow these steps:\n\n1. Compute $3! = 6$.\n2. Multiply by 4: $24$.\n\n"
                "Thus, the answer is:\n\\[\n\\boxed{24}\n\\]"
            ),
            "24",
        ),
        ("Therefore, the sum of the digits is $\\boxed{27}$.", "27"),
        ("The final answer is: $\\boxed{\\text{25 cm}^2}$", "25"),
        ("So the speed is \\(\\boxed{60 \\text{ km/h}}\\).", "60"),
        ("Thus the ratio is $\\boxed{3:4}$.", None),
        ("Hence the solutions are $\\boxed{2, 3}$.", None),
        ("The domain is $\\boxed{(-\\infty, 3]}$.", None),
        ("So $\\boxed{2\\sqrt{3}}$ is the length.", None),
        ("The maximum is \\(\\boxed{\\sqrt{49}}\\).", "7"),
        (
            "```python\nprint(6*7)\n```\n```output\n42\n```\nThe product is $\\boxed{42}$.",
            "42",
        ),
        ("The percentage is $\\boxed{12.5\\%}$.", "25/2"),
        ("The coordinates are $\\boxed{(3, 4)}$.", None),
        ("The number is $\\boxed{1.2 \\times 10^{3}}$.", "1200"),
        ("So we get $\\boxed{\\$18.90}$.", "189/10"),
        ("The answer is $\\boxed{90^\\circ}$.", "90"),
        ("Thus the answer is $\\boxed{\\textbf{(C) } 15}$.", "15"),
    ],
    "gpt-oss": [
        (
            (
                "<|channel|>analysis<|message|>We need 7*8=56. Answer 56.<|end|><|start|>assistant"
                "<|channel|>final<|message|>The product is **56**.<|return|>"
            ),
            "56",
        ),
        (
            (
                "<|channel|>analysis<|message|>\\boxed{3}? No: 4.<|end|><|start|>assistant"
                "<|channel|>final<|message|>\\[\n\\boxed{4}\n\\]<|return|>"
            ),
            "4",
        ),
        ("**Answer:** \u202f$\\displaystyle \\frac{11}{36}$", "11/36"),
        ("The smallest such integer is\n\n$$\n\\boxed{271}\n$$", "271"),
        ("Hence the requested value is  \n\n\\[\n\\boxed{\\,-\\tfrac{1}{2}\\,}\n\\]", "-1/2"),
        ("**Result**\n\n\\[\\boxed{10\\,080}\\]", "10080"),
        ("The answer is **1,296**.", "1296"),
        ("\\(\\boxed{ \\displaystyle 2025 }\\)", "2025"),
        ("The required sum is \u22125.\n\n\\boxed{\u22125}", "-5"),
        ("Thus \\(a+b+c = \\boxed{6}\\).  \n\n*Proof.* See above, where $a=1$.", "6"),
        ("$\\boxed{\\dfrac{1}{3}}$ \u2013 about 33 %.", "1/3"),
    ],
    "Llama": [
        (
            (
                "## Step 1: Add the numbers\n2 + 2 = 4\n\n## Step 2: Double\n4 * 2 = 8\n\n"
                "The final answer is: $\\boxed{8}$"
            ),
            "8",
        ),
        (
            "## Step 1: Count\nThere are 5 boys.\n\n## Step 2: Answer\nThe final answer is: 5",
            "5",
        ),
        ("The final answer is: $\\boxed{0}$\nI hope it is correct.", "0"),
        ("Final Answer: The final answer is $\\frac{2}{7}$. I hope it is correct.", "2/7"),
        ("Therefore, Natalia sold 72 clips altogether.\n#### 72", "72"),
        ("Total cost is $5 + $7 = $12.\n#### $12", "12"),
        ("He walked 3.5 miles.\n#### 3.5 miles", "7/2"),
        ("#### 1,250,000", "1250000"),
        ("So, the answer is 14 dollars.", "14"),
        ("The answer is: 3/4", "3/4"),
        ("Answer: 25%", "25"),
        ("The answer is 7.\n\nLet me know if you need any further explanation!", "7"),
        ("The answer is not 7.", None),
        ("The answer is at least 12.", None),
        ("I think the answer might be around 40, but I'm not sure.", None),
        ("The answer is unknown.", None),
    ],
    "headings, tables and markup": [
        ("### Final Answer\n\n42", "42"),
        ("### Final Answer\n\n**42**", "42"),
        ("**Final Answer:** 42", "42"),
        ("**Final Answer: 42**", "42"),
        ("# Answer\n\n$\\frac{9}{4}$", "9/4"),
        ("| quantity | value |\n|---|---|\n| answer | 36 |", "36"),
        ("<answer>121</answer>", "121"),
        ("<answer>\n121\n</answer>", "121"),
        ('```json\n{"answer": 19}\n```', "19"),
        ('{"reasoning": "3 + 4 = 7", "answer": "7"}', "7"),
        ("Answer:\n\n```\n42\n```", "42"),
        ("The answer is `88`.", "88"),
        ("> **Answer:** 13", "13"),
        ("1. Add 2 and 3.\n2. The answer is 5.", "5"),
        ("**Answer**: $n = 11$.", "11"),
        ("\\textbf{Answer: } 64", "64"),
        ("Final answer \u2192 **15**", "15"),
    ],
    "signs, units and counted things": [
        ("The answer is $-\\boxed{7}$.", "-7"),
        ("Thus $x = -\\boxed{\\frac{1}{2}}$.", "-1/2"),
        ("The resistance: the answer is $1000\\,\\Omega$.", "1000"),
        ("The force is $\\boxed{12\\,\\mathrm{N}}$.", "12"),
        ("So the answer is 15 m/s.", "15"),
        ("The answer is 2.5 kg.", "5/2"),
        ("The answer is 300 K.", None),  # kelvin or thousand
        ("The answer is 3 hours.", "3"),
        ("The answer is 3 hours and 20 minutes.", None),
        ("The answer is 5 million.", None),
        ("There are $\\boxed{12}$ ways, of which 5 start with A.", "12"),
        ("The angle is $\\boxed{45^{\\circ}}$, that is $\\pi/4$.", "45"),
        ("The price is $\\boxed{\\text{\u20ac}45}$.", "45"),
        ("The final temperature is $\\boxed{-40^\\circ\\text{C}}$.", "-40"),
        ("The answer is 9 (nine).", "9"),
        ("The answer is $12\\text{ cm}^3$.", "12"),
    ],
    "checks, corrections and talk behind the answer": [
        ("The answer is 42.\n\nCheck: 6 \u00d7 7 = 42.", "42"),
        ("**Answer:** 30\n\nCheck: 10 + 20 = 30 \u2713", "30"),
        # Four added after the first measurement; one of them was read as 84.
        ("Answer: 42\nCheck: 42/6 = 7", "42"),
        ("</think>\n\nx = 42\n\nCheck: 2(42) = 84", "42"),
        ("</think>\n\nx = 42\n\n**Check:**\n\n2(42) = 84", None),
        ("<think>a</think>\nThe total is 42.\n\nCheck: 40+2 = 42.", "42"),
        ("Answer: 16\n\nVerification: $16 = 4^2$, and $4 = 2^2$.", "16"),
        ("The answer is 5. Wait, I made a mistake: the answer is 6.", "6"),
        ("\\boxed{5}\n\nCorrection: the second case adds 1, so \\boxed{6}.", "6"),
        ("So the answer is \\boxed{20}. (Note that 21 would be too many.)", "20"),
        ("The answer is 11, not 12.", "11"),
        ("The answer is 8 because 2^3 = 8.", "8"),
        ("So the answer is 100. This matches our estimate of 98.", "100"),
        ("(a) \\boxed{3}\n\n(b) \\boxed{4}", "4"),
        ("Part 1: 3\nPart 2: 4", None),
        ("If the answer is 5, then x would be 2, which fails. So there is no answer.", None),
        ("Is the answer 7? Let us see. It could be.", None),
        ("I'm sorry, but I can't solve this problem.", None),
        ("", None),
        ("Please put your final answer in \\boxed{}.", None),
        ("The answer will be in the form \\boxed{answer}.", None),
    ],
    "other languages": [
        ("\u7b54\u6848\u662f42\u5143\u3002", "42"),
        ("\u7b54\u6848\uff1a$\\boxed{36}$", "36"),
        ("\u56e0\u6b64\uff0c\u7b54\u6848\u662f 15\u3002", "15"),
        ("\u6240\u4ee5\u7b54\u6848\u4e3a $\\frac{3}{5}$\u3002", "3/5"),
        ("La respuesta final es $\\boxed{28}$.", "28"),
        ("Die Antwort lautet \\(\\boxed{13}\\).", "13"),
        ("La r\u00e9ponse est donc $\\boxed{\\dfrac{4}{9}}$.", "4/9"),
        ("\u041e\u0442\u0432\u0435\u0442: $\\boxed{81}$", "81"),
        ("\u7b54\u3048\u306f $\\boxed{7}$ \u3067\u3059\u3002", "7"),
        ("\u7b54\u6848\u4e0d\u662f5\u3002", None),
    ],
}

CUT: Cases = {
    "before any answer": [
        ("<think>\nLet me try small cases. For n = 1 we get 3, for n = 2 we get", None),
        ("The answer is 4", None),
        ("So the final answer is \\boxed{", None),
        ("Therefore $\\boxed{\\frac{3}{", None),
        ("Let me define f(3) = 12 and then the answer is", None),
        ("<think>\nSo far 12", None),
    ],
    "behind an answer": [
        ("The result is \\boxed{77}. Let me double check by computing the", "77"),
        ("<think>\nso \\boxed{12}\n</think>\n\nThe answer is the sum of", "12"),
        ("<think>\nI believe \\boxed{9} is right, let me check once more: 3 *", "9"),
        ("</think>\n\n**Final Answer**\n\\boxed{204}", "204"),
        ("</think>\n\n\\boxed{55}\n\n**Explanation.** The first", "55"),
        ("<think>\n\\boxed{5}\n</think>\n\nWe find \\boxed{6} and also", "6"),
    ],
    "inside an answer": [
        ("The final answer is \\boxed{123", "123"),
        ("The final answer is \\boxed{123.", None),
        ("The final answer is \\boxed{12 +", None),
        ("The final answer is $\\boxed{x = ", None),
    ],
}
