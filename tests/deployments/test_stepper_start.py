"""A stepper whose engine cannot be built or dies says so; one that is busy takes streams."""

import threading
import time

import pytest

from votebox.deployments.stepper import Group, Stepper
from votebox.plugins import EngineError, EngineUnavailable


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [ValueError("odd settings"), SystemExit(2)])
def test_an_engine_that_cannot_be_built_is_told_and_nobody_waits(error: BaseException) -> None:
    told: list[EngineError | None] = []

    def build() -> None:
        raise error

    stepper = Stepper("mini", build, told.append, 0.02)  # type: ignore[arg-type]
    stepper.start()
    stepper.join()
    assert type(error).__name__ in str(told[0])
    assert stepper.failure is told[0]


def group(told: list[Exception]) -> Group:
    return Group((), lambda batch: None, told.append)


def stepper() -> Stepper:
    return Stepper("mini", lambda: None, lambda error: None, 0.02)  # type: ignore[arg-type, return-value]


class Interrupted(Group):
    """Have another thread open a stream whenever it is asked when its batch is due."""

    made: Stepper

    @property
    def due_s(self) -> float:
        opener = threading.Thread(target=self.made.open, args=(group([]),))
        opener.start()
        opener.join(0.2)  # as long as it may take, unless it has to wait for us
        return 0.0

    @due_s.setter
    def due_s(self, value: float) -> None:
        pass


def test_streams_may_open_while_batches_are_handed_over() -> None:
    made = stepper()
    for _ in range(2):
        one = Interrupted((), lambda batch: None, lambda error: None)
        one.made = made
        made._groups.add(one)
    made._hand_over()
    time.sleep(0.1)
    assert len(made._groups) == 4


def test_who_comes_after_an_engine_died_is_told_to_come_again() -> None:
    before: list[Exception] = []
    after: list[Exception] = []
    made = stepper()
    made.open(group(before))
    made._die(EngineError("mini", "its engine died: worn out"))
    made.open(group(after))
    assert [type(error) for error in before] == [EngineError]
    assert [type(error) for error in after] == [EngineUnavailable]
    assert "worn out" in str(after[0])
