from common.architecture.spec import ArchitectureSpec
from server_app.fidelity.base import Decision
from server_app.fidelity.full import Full
from server_app.trials import Trial, TrialState


def test_one_rung_of_all_rounds():
    fidelity = Full(Full.Options(max_rounds=7))
    assert fidelity.start(Trial(0, ArchitectureSpec())) == 7
    assert fidelity.report(Trial(0, ArchitectureSpec(), rung=1, rounds=7, score=0.1)) == [Decision(0, "finish")]


def test_a_failed_trial_gets_no_decision():
    assert Full().report(Trial(0, ArchitectureSpec(), state=TrialState.FAILED)) == []
