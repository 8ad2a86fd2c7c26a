from common.architecture.kinds.layered import LayeredSpec
from server_app.fidelity.base import Ending
from server_app.fidelity.full import Full
from server_app.trials import Trial, TrialState
from tests.support.trials import scored


def test_one_rung_of_all_rounds():
    fidelity = Full(Full.Options(max_rounds=7))
    assert fidelity.start(Trial(0, LayeredSpec())) == 7
    assert fidelity.report(scored(Trial(0, LayeredSpec(), rounds=7), 0.1)) == [Ending(0, "finish")]
    assert fidelity.next() is None


def test_a_failed_trial_does_not_end_again():
    assert Full().report(Trial(0, LayeredSpec(), state=TrialState.FAILED)) == []
