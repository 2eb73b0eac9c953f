"""Say which answers may vote, and as what: the policies of the default recipes.

A policy is made with its options and asked about exact rationals, and with
`expressions = True` also about the keys of other answers. `admit` maps one to
the value it votes for, or to None; `order` breaks ties, the larger first; `fallback`
is the answer when nobody voted and `late` the one past the deadline, None to abstain.
"""

from fractions import Fraction

from votebox.plugins import Register, hookimpl
from votebox.plugins.answers import Key


class Rational:
    """Admit every exact rational in lowest terms, sign kept; abstain rather than guess."""

    fallback: str | None = None
    late: str | None = None

    def __init__(self, options: None = None) -> None:
        """Take no options."""

    def admit(self, canonical: Fraction) -> Fraction | None:
        """Return the value `canonical` votes for, or None."""
        return canonical

    def order(self, value: Fraction) -> Fraction:
        """Return the sort key of a voted value; ties go to the larger."""
        return value


class AnyInt(Rational):
    """Admit every integer as it is, sign kept."""

    def admit(self, canonical: Fraction) -> Fraction | None:
        """Return `canonical` when it is an integer."""
        return canonical if canonical.denominator == 1 else None


class Aimo2(AnyInt):
    """Admit every integer, modulo 1000: the answers 0 to 999 of AIMO-2."""

    def admit(self, canonical: Fraction) -> Fraction | None:
        """Return an integer modulo 1000."""
        whole = super().admit(canonical)
        return None if whole is None else whole % 1000


class Aimo3(AnyInt):
    """Admit the integers 0 to 99999 as they are, without a modulo: AIMO-3."""

    def admit(self, canonical: Fraction) -> Fraction | None:
        """Return an integer of the range."""
        whole = super().admit(canonical)
        return whole if whole is not None and 0 <= whole <= 99_999 else None


class Expr:
    """Admit every answer: rationals, and expressions by their key; ties go to the first seen."""

    expressions = True
    fallback: str | None = None
    late: str | None = None

    def __init__(self, options: None = None) -> None:
        """Take no options."""

    def admit(self, canonical: Key) -> Key:
        """Return `canonical`: every key has a vote."""
        return canonical

    def order(self, value: Key) -> int:
        """Return the same for all values, so that the first seen stays first."""
        return 0


@hookimpl
def register_votes(register: Register) -> None:
    """Register the policies."""
    register("policy:rational", Rational)
    register("policy:any-int", AnyInt)
    register("policy:aimo2", Aimo2)
    register("policy:aimo3", Aimo3)
    register("policy:expr", Expr)
