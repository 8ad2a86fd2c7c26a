import logging

import numpy as np
import pytest
from flwr.serverapp import strategy as flower
from flwr.serverapp.exception import AggregationError

from common.errors import ConfigError, SearchError
from server_app.aggregation.fedadam import FedAdam
from server_app.aggregation.fedmedian import FedMedian
from server_app.aggregation.flower_rule import FlowerRule
from server_app.registry import choices, load_choice


class Recorder(flower.FedAvg):
    """Flower's FedAvg, which remembers what it was given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def configure_train(self, server_round, arrays, config, grid):
        messages = super().configure_train(server_round, arrays, config, grid)
        self.seen.append((server_round, arrays["weights"].numpy(), list(messages)))
        return messages

    def aggregate_train(self, server_round, replies):
        contents = [message.content for message in replies]
        self.seen.append((server_round, [content["arrays"]["weights"].numpy() for content in contents]))
        self.seen.append([dict(content["metrics"]) for content in contents])
        return super().aggregate_train(server_round, replies)


class Refusing(flower.FedAvg):
    def aggregate_train(self, *_):
        raise AggregationError("the replies are odd")


class Silent(flower.FedAvg):
    def aggregate_train(self, *_):
        return None, None


def rule(strategy):
    class Rule(FlowerRule):
        @staticmethod
        def strategy_class():
            return strategy

    return Rule()


def test_tells_the_strategy_the_round_and_feeds_it_in_the_order_of_names():
    recording = rule(Recorder)
    for _ in (1, 2):
        recording.begin(np.array([0.5], np.float32))
        recording.add("zoe", np.array([1], np.float32), 7, {"loss": 1.0})
        recording.add("amy", np.array([3], np.float32), 5, {})
        recording.combined()
    for round_, seen in ((1, recording._strategy.seen[:3]), (2, recording._strategy.seen[3:])):
        (configured, weights, messages), (aggregated, updates), metrics = seen
        assert configured == aggregated == round_
        assert weights.tolist() == [0.5]
        assert messages == []  # no node is sampled
        assert [update.tolist() for update in updates] == [[3], [1]]
        assert {update.dtype for update in updates} == {np.dtype(np.float64)}
        assert metrics == [{"num-examples": 5}, {"num-examples": 7}]


def test_a_round_without_a_result_is_not_counted():
    recording = rule(Recorder)
    recording.begin(np.zeros(1, np.float32))
    with pytest.raises(SearchError):
        recording.combined()
    recording.begin(np.zeros(1, np.float32))
    recording.add("amy", np.zeros(1, np.float32), 1, {})
    recording.combined()
    assert recording._strategy.seen[0][0] == 1


def test_an_exception_of_flower_does_not_end_the_run(play):
    with pytest.raises(SearchError, match="Rule could not combine the updates: the replies are odd"):
        play(rule(Refusing), [0], [([1], 1)])


def test_a_strategy_that_returns_nothing_is_an_error(play):
    with pytest.raises(SearchError, match="must return weights, got 1"):
        play(rule(Silent), [0], [([1], 1)])


def test_flowers_notes_stay_out_of_the_log_and_others_in_it(play, caplog):
    flower_log = logging.getLogger("flwr")
    flower_log.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "flwr")
    try:
        play(FedMedian(), [0], [([1], 1)])
        assert caplog.messages == []
        flower_log.info("afterwards")
        assert caplog.messages[-1] == "afterwards"
    finally:
        flower_log.removeHandler(caplog.handler)


@pytest.mark.parametrize("name", [name for name in choices("aggregation") if name != "fedavg"])
def test_options_reach_the_strategy(name):
    options = load_choice("aggregation", name).Options()
    strategy = load_choice("aggregation", name)(options)._strategy
    assert type(strategy).__name__.lower() == name
    for option, value in vars(options).items():
        assert getattr(strategy, option) == value


def test_an_attribute_of_a_kind_that_cannot_be_saved_is_an_error():
    rule = FedAdam()
    rule._strategy.surprise = {1, 2}
    with pytest.raises(ConfigError, match=r"got 'surprise: set'"):
        rule.state_dict()


def test_an_attribute_that_changes_in_place_is_saved():
    class Counting(flower.FedAvg):
        def __init__(self):
            super().__init__()
            self.rounds = []

    class Rule(FlowerRule):
        @staticmethod
        def strategy_class():
            return Counting

    rule, other = Rule(), Rule()
    rule._strategy.rounds.append(1)
    other.load_state_dict(rule.state_dict())
    rule._strategy.rounds.append(2)
    assert (rule._strategy.rounds, other._strategy.rounds) == ([1, 2], [1])
