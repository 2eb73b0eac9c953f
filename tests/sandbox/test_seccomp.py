"""The compiled filter: a machine for classic BPF runs it on every call there may be."""

import struct
from itertools import product

import pytest

from votebox.sandbox.policy import load_policy
from votebox.sandbox.seccomp import Filter, Rule, syscall_numbers

X86_64 = 0xC000003E
ALLOW, ENOSYS, KILL = 0x7FFF0000, 0x00050000 | 38, 0x80000000


def evaluate(
    program: bytes, number: int, arguments: tuple[int, ...] = (), arch: int = X86_64
) -> int:
    """Return the filter's decision, as linux/filter.h defines the machine."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    code = [*struct.iter_unpack("<HBBI", program)]
    accumulator, at = 0, 0
    for _ in range(len(code)):  # jumps only go forward
        opcode, yes, no, constant = code[at]
        at += 1
        match opcode:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, constant)
            case 0x15:
                at += yes if accumulator == constant else no
            case 0x35:
                at += yes if accumulator >= constant else no
            case 0x54:
                accumulator &= constant
            case 0x06:
                return int(constant)
            case _:
                raise AssertionError(opcode)
    raise AssertionError("the filter does not end")


@pytest.fixture(scope="module")
def policy() -> Filter:
    return load_policy().seccomp


def test_every_number_gets_what_the_policy_says(policy: Filter) -> None:
    program, numbers = policy.bpf(), syscall_numbers()
    allowed = {numbers[name] for name in policy.allow}
    ruled = {numbers[rule.call] for rule in policy.rules}
    for number in (*range(700), 0x3FFFFFFF):
        if number not in ruled:
            expected = ALLOW if number in allowed else ENOSYS
            assert evaluate(program, number) == expected, number


def test_rules_look_at_their_argument_alone(policy: Filter) -> None:
    program, numbers = policy.bpf(), syscall_numbers()
    for rule in policy.rules:
        for value in (*rule.values, 0, 1, 6, 0x10000000, 0x80000000, 0xFFFFFFFF):
            for noise in (0, 0xFFFFFFFFFFFFFFFF):
                arguments = [noise] * 6
                arguments[rule.argument] = value | 0xABCD00000000  # the kernel reads 32 bits
                good = any(value & rule.mask == wanted for wanted in rule.values)
                expected = ALLOW if good else 0x00050000 | rule.errno
                assert evaluate(program, numbers[rule.call], tuple(arguments)) == expected


@pytest.mark.parametrize("flag", [0x00020000, 0x02000000, 0x04000000, 0x08000000])
def test_clone_makes_no_namespace(policy: Filter, flag: int) -> None:
    clone = syscall_numbers()["clone"]
    assert evaluate(policy.bpf(), clone, (0x11,)) == ALLOW
    assert evaluate(policy.bpf(), clone, (flag | 0x11,)) == 0x00050000 | 1


def test_other_architectures_are_killed_and_x32_does_not_exist(policy: Filter) -> None:
    program = policy.bpf()
    for arch, number in product((0x40000003, 0xC00000B7, 0), (0, 1, 39)):
        assert evaluate(program, number, arch=arch) == KILL
    for number in (0x40000000, 0x40000001, 0xFFFFFFFF):
        assert evaluate(program, number) == ENOSYS


@pytest.mark.parametrize(
    "name", ["ptrace", "mount", "unshare", "setns", "bpf", "io_uring_setup", "clone3", "keyctl"]
)
def test_what_the_policy_never_names_stays_out(policy: Filter, name: str) -> None:
    assert name not in policy.allow
    assert name not in {rule.call for rule in policy.rules}


def test_both_languages_name_the_same_calls(policy: Filter) -> None:
    text = policy.kafel()
    assert text.count("sendfile64") == text.count("newfstat,") == 1
    assert "socketpair { family == 1 }" in text
    assert "ERRNO(97) { socketpair, socket }" in text


def test_a_rule_without_values_always_refuses() -> None:
    program = Filter(("read",), (Rule("socket", 0, "family", (), 97),)).bpf()
    assert evaluate(program, 0) == ALLOW
    assert evaluate(program, syscall_numbers()["socket"], (1,)) == 0x00050000 | 97
