"""Write the seccomp policy of jail.toml in two languages: Kafel for nsjail, BPF for the kernel.

One jail per program lets nsjail compile and install it; the fork server installs the
compiled filter in each program it forks. Both say the same.

The filter is classic BPF over `struct seccomp_data` (linux/seccomp.h): the number, the
architecture, and six arguments of 64 bits, of which the low halves are compared, which is
all the kernel reads of these arguments.
"""

from __future__ import annotations

import functools
import struct
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000  # numbers of the 32-bit-pointer interface start here

_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000  # SECCOMP_RET_*
_NR, _ARCH, _ARGS = 0, 4, 16  # offsets in seccomp_data
_ENOSYS = 38
_WHOLE = 0xFFFFFFFF
_LONGEST_JUMP = 255

_KAFEL_NAMES: Mapping[str, str] = {
    "fstat": "newfstat",
    "lstat": "newlstat",
    "sendfile": "sendfile64",
    "stat": "newstat",
    "uname": "newuname",
}

type _Instruction = tuple[int, int, int, int]
"""Opcode, jump if true, jump if false, constant: `struct sock_filter`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Allow `call` where (argument & mask) is one of `values`, else fail with `errno`.

    `name` is what Kafel calls the argument.
    """

    call: str
    argument: int
    name: str
    values: tuple[int, ...]
    errno: int
    mask: int = _WHOLE


@dataclass(frozen=True, slots=True)
class Filter:
    """Hold the allow-list: calls that are always allowed, and rules for others."""

    allow: tuple[str, ...]
    rules: tuple[Rule, ...]

    @staticmethod
    def parse(table: Mapping[str, Any]) -> Filter:
        """Read the table [seccomp]; a missing or unknown entry raises TypeError."""
        rules = tuple(Rule(**{**r, "values": tuple(r["values"])}) for r in table["rules"])
        return Filter(**{**table, "allow": tuple(table["allow"]), "rules": rules})

    def kafel(self) -> str:
        """Return the policy in Kafel's language, for nsjail."""
        allowed = [_KAFEL_NAMES.get(name, name) for name in self.allow]
        allowed += [_kafel_rule(rule) for rule in self.rules if rule.values]
        refused = [
            f"ERRNO({errno}) {{ {', '.join(r.call for r in self.rules if r.errno == errno)} }}"
            for errno in sorted({r.errno for r in self.rules})
        ]
        blocks = ",\n".join([f"ALLOW {{ {', '.join(allowed)} }}", *refused])
        return f"POLICY python {{\n{blocks}\n}}\nUSE python DEFAULT ERRNO({_ENOSYS})\n"

    def bpf(self) -> bytes:
        """Return the filter as an array of `struct sock_filter`.

        A balanced tree over the numbers: a call takes about eight comparisons.
        """
        numbers = syscall_numbers()
        leaves: dict[int, list[_Instruction]] = {numbers[n]: [_ret(_ALLOW)] for n in self.allow}
        leaves |= {numbers[rule.call]: _check(rule) for rule in self.rules}
        refused = [_ret(_ERRNO | _ENOSYS)]
        ranges: list[tuple[int, list[_Instruction]]] = [(0, refused)]
        for number in range(max(leaves) + 2):
            leaf = leaves.get(number, refused)
            if leaf != ranges[-1][1]:
                ranges.append((number, leaf))
        program = [
            (_LOAD, 0, 0, _ARCH),
            (_EQUAL, 1, 0, _ARCH_X86_64),
            _ret(_KILL),
            (_LOAD, 0, 0, _NR),
            (_AT_LEAST, 0, 1, _X32_BIT),
            *refused,
            *_tree(ranges),
        ]
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


@functools.cache
def syscall_numbers() -> Mapping[str, int]:
    """Return the numbers of the calls the policy may name."""
    numbers: dict[str, int] = tomllib.loads(
        files(__package__).joinpath("syscalls.toml").read_text()
    )
    return numbers


def _kafel_rule(rule: Rule) -> str:
    masked = rule.name if rule.mask == _WHOLE else f"({rule.name} & {rule.mask:#x})"
    return f"{rule.call} {{ {' || '.join(f'{masked} == {value}' for value in rule.values)} }}"


def _ret(action: int) -> _Instruction:
    return (_RETURN, 0, 0, action)


def _check(rule: Rule) -> list[_Instruction]:
    code: list[_Instruction] = [(_LOAD, 0, 0, _ARGS + 8 * rule.argument)]
    if rule.mask != _WHOLE:
        code.append((_AND, 0, 0, rule.mask))
    for left, value in zip(range(len(rule.values), 0, -1), rule.values, strict=True):
        code.append((_EQUAL, left, 0, value))  # over the others and the refusal
    code += [_ret(_ERRNO | rule.errno), _ret(_ALLOW)]
    return code


def _tree(ranges: Sequence[tuple[int, list[_Instruction]]]) -> list[_Instruction]:
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _tree(ranges[:middle]), _tree(ranges[middle:])
    if len(below) > _LONGEST_JUMP:
        raise ValueError("the policy is too long for one filter")
    return [(_AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]
