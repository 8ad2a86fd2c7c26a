import pytest

from common.errors import FederationError
from server_app.launcher.deployment import Watch


def test_a_run_is_asked_for_until_its_outcome_is_known():
    answers = [None, ("completed", ""), ("failed", "never asked for")]
    watch = Watch(lambda: answers.pop(0), interval=0)
    assert [watch.ending() for _ in range(3)] == [None, ("completed", ""), ("completed", "")]
    assert len(answers) == 1


def test_it_is_not_asked_for_too_often():
    asked = []
    watch = Watch(lambda: asked.append(1), interval=1000)
    assert [watch.ending() for _ in range(5)] == [None] * 5
    assert len(asked) == 1


def failing(after):
    answers = [None] * after

    def ask():
        if answers:
            return answers.pop()
        raise FederationError("A SuperLink must answer")

    return ask


def test_a_short_silence_is_borne():
    watch = Watch(failing(after=1), interval=0, silence=1000)
    assert [watch.ending() for _ in range(5)] == [None] * 5


def test_a_long_silence_is_a_loss():
    watch = Watch(failing(after=1), interval=0, silence=0)
    assert watch.ending() is None
    with pytest.raises(FederationError, match="must answer"):
        watch.ending()
