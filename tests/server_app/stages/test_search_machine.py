"""A search under everything that a federation does to it, in any order.

`FederationMachine` is a pretended federation around a real `Search`, with real choices on each axis: results come
late, twice, undone, wrong or never; nodes leave, come back, join and tell of tighter limits; the clock jumps. It does
what the strategy does, and no more: refill, dispatch, take, leave out, expire, settle. What must hold at every step:

- *a trial ends once*: it has at most one of the events finished, stopped and failed, and none after it;
- *scores come from the panel*: from more than half of it, as it was drawn at the start, and from nobody else;
- *who is held out never trains*, whoever else is there, and nobody trains the member of a trial that he scores;
- *no place leaks*: no more trials hold a place than there are places, and the search comes to its end;
- *weights sum to 1*: where every node adds 1 to every weight, the mean of any of them adds 1;
- *nothing expires before its own deadline*: what is left out as late was asked for a whole deadline ago;
- *a healthy node's work is never refused*: what is right, and comes within the deadline of its message, is taken;
- *noise decides nothing alone*: of trials that race no one is stopped for one that ranks behind it, and doubt takes no
  more of them on than twice as many as go on without it;
- *nobody's silence is a verdict*: a trial fails because a node said so, or after as many tries as it has;
- *a budget is kept*: what the search costs exceeds it at most by what was asked again, or of nodes that joined;
- *being killed costs nothing that was decided*: all of this holds over interruptions, and who goes on and who is
  stopped is what it is for one who was told the same and never killed.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Linear
from common.groups import BudgetConfig, FinalConfig
from common.jobs import Job, Result
from common.seeding import generator
from common.tasks import Classification, Task
from server_app.aggregation.fedavg import FedAvg
from server_app.allowance import Allowance
from server_app.blobs import Blobs
from server_app.budget import Spent
from server_app.comparison import standings
from server_app.controllers.random import Random
from server_app.fidelity.full import Full
from server_app.fidelity.successive_halving import SuccessiveHalving
from server_app.forecast import Load
from server_app.journal import Journal
from server_app.objectives.accuracy import Accuracy
from server_app.placement.shared import Shared
from server_app.scoring import Scoring
from server_app.spaces.listed import ListedSpace
from server_app.stages.search import Search
from server_app.to_come import ToCome
from server_app.trials import Trial, TrialState
from server_app.weights.scratch import Scratch
from tests.support.spaces import given, with_one_recipe

TASK = Task((4,), Classification(3))
SPECS = [LayeredSpec((Linear(width=width, norm="none"),)) for width in range(1, 6)]
HALVING = SuccessiveHalving.Options(max_rounds=4, min_rounds=1, eta=2, bracket_size=4)
DEADLINE = 10.0
TRIES = 3
ENDS = {"finished", "stopped", "failed"}


@dataclass
class Sent:
    """What a node was sent, and when."""

    jobs: list[Job]
    since: float


class Told(SuccessiveHalving):
    """Successive halving that writes down what it was told, and what it said to that."""

    story: list[tuple[str, Trial | None, object]]

    def start(self, trial):
        return self._tell("start", trial, super().start(trial))

    def report(self, trial):
        return self._tell("report", trial, super().report(trial))

    def next(self):
        return self._tell("next", None, super().next())

    def close(self):
        return self._tell("close", None, super().close())

    def decline(self, promotion):
        return self._tell("decline", promotion, super().decline(promotion))

    def _tell(self, what, trial, said):
        self.story.append((what, copy.deepcopy(trial), copy.deepcopy(said)))
        return said


def done(job: Job, node: str) -> Result:
    """Train by adding 1 to each weight; score by the width, with noise that makes ties and hides small differences."""
    if job.work.kind == "train":
        arrays = {"weights": job.arrays["weights"] + np.float32(1)}
        return Result(job.id, "done", "", 10, {"loss": 1.0}, 0.1, arrays)
    width = job.spec.layers[0].width
    accuracy, loss = width / 20 + generator(0, node, width, job.work.round).random(2)
    metrics = {"accuracy": round(accuracy / 2, 1), "loss": round(2 - loss, 1)}
    return Result(job.id, "done", "", 5, metrics, 0.1)


def undone(job: Job, node: str) -> Result:
    return Result(job.id, "unfinished", "no time left")


def wrong(job: Job, node: str) -> Result:
    return replace(done(job, node), metrics={"loss": float("nan"), "accuracy": 2.0})


def whole(name: str) -> str:
    """Return the name of a trial, or of the one whose member this is."""
    return name.partition(".")[0]


class FederationMachine(RuleBasedStateMachine):
    @initialize(
        nodes=st.integers(2, 4),
        concurrency=st.integers(1, 3),
        halving=st.none() | st.integers(2, 5),
        sampled=st.none() | st.integers(1, 3),
        scoring=st.builds(Scoring, panel=st.none() | st.integers(2, 3))
        | st.builds(Scoring, held_out=st.sampled_from([0.3, 0.6]))
        | st.builds(Scoring, folds=st.integers(2, 3)),
        barrier=st.booleans(),
        limit=st.none() | st.sampled_from([9_000, 13_500, 18_000]),
    )
    def start(self, nodes, concurrency, halving, sampled, scoring, barrier, limit):
        self.now, self.barrier, self.events, self.blobs = 0.0, barrier, [], Blobs(None)
        self.there = {f"node-{index}": True for index in range(nodes)}
        self.sent: dict[str, Sent] = {}
        self.too_wide: dict[str, int] = {}
        self.restarted: set[str] = set()
        self.tries: Counter[tuple[str, str, int]] = Counter()
        self.asked: dict[tuple[str, str, int], float] = {}
        self.said: set[str] = set()
        self.scores: dict[tuple[str, int], set[str]] = {}
        self.ended: set[str] = set()
        self.seen = 0
        self.story: list[tuple[str, Trial | None, object]] = []
        self.lost: set[str] = set()
        self.choices = (concurrency, halving, sampled, replace(scoring, folds=min(scoring.folds, nodes)))
        self.limit = limit and limit * self.choices[3].folds  # so that one trial can always be paid
        self.cost, self.at_first = Counter(), set(self.there)
        self.search = self.make()
        self.search.begin(sorted(self.there))
        self.panel, self.held_out = set(self.search.panel), set(self.search._assigner.held_out)
        self.folds = self.search._assigner.folds

    def make(self):
        concurrency, halving, sampled, scoring = self.choices
        fidelity = Told(replace(HALVING, bracket_size=halving)) if halving else Full(Full.Options(max_rounds=2))
        fidelity.story = self.story
        space = ListedSpace(TASK, ListedSpace.Options([spec.to_dict() for spec in SPECS]))
        return Search(
            seed=1,
            concurrency=concurrency,
            deadline=DEADLINE,
            controller=Random(with_one_recipe(space), 1, len(SPECS), start=given(SPECS)),
            fidelity=fidelity,
            placement=Shared(1, concurrency, Shared.Options(sampled)),
            weights=Scratch(TASK, 1, FedAvg, self.blobs),
            objectives=Accuracy(TASK.head),
            scoring=scoring,
            journal=Journal(None, self.events.append),
            keep=len(SPECS),
            excess=self.excess,
            shortage=self.allowance(Shared(1, 1, Shared.Options(sampled))).shortage,
        )

    def allowance(self, placement):
        to_come = ToCome(
            final=FinalConfig(1, 0, 1, 1, "portfolio"),
            load=lambda identity: Load.of(identity, TASK, "float32"),
            linear=Load(12, 60, 1),
            constant=Load(0, 12, 1),
            baseline=None,
            placement=placement,
            final_placement=placement,
            names=lambda: self.there,
            held=lambda _, split: 10 if split == "train" else 5,
            folds=self.choices[3].folds,
        )
        return Allowance(limits=BudgetConfig(self.limit, None, None, None), to_come=to_come, least_rounds=1)

    def excess(self, node, trial):
        return "too wide" if trial.spec.layers[0].width > self.too_wide.get(node, 9) else ""

    # ------------------------------------------------------------ the strategy's side

    @property
    def names(self):
        return sorted(name for name, there in self.there.items() if there)

    @rule(seconds=st.sampled_from([0.0, 3.0, 9.0]), killed=st.integers(0, 9).map(lambda draw: draw == 0))
    def exchange(self, seconds, killed=False):
        """End an exchange as `aggregate_train` does, and begin the next one as `configure_train` does.

        With a barrier that is when nobody owes anything any more. Where the run is killed in between, it goes on from
        its saved state, and whatever was under way is lost.
        """
        self.now += seconds
        self.search.expire(self.now)
        if self.search.done or (self.barrier and self.search.owing):
            return
        self.search.settle()
        if killed:
            state = json.loads(json.dumps(self.search.state_dict()))
            self.search = self.make()
            self.search.load_state_dict(state)
            if all(set(self.names).difference(out) for out in self.folds or [self.held_out]):
                self.search.begin(self.names)
            assert set(self.search.panel) == self.panel, "whoever is there"
            assert set(self.search._assigner.held_out) == self.held_out
            assert self.search._assigner.folds == self.folds
            self.events_are_fair()
            for active in self.search._active.values():  # what came in for a score that is under way is asked again
                self.scores[active.name, active.trial.rounds] = set(active.scores)
            self.sent.clear()
            self.restarted.clear()
        late = set(self.sent) - self.search.owing
        self.search.refill(self.names, late)
        orders = self.search.dispatch(set(self.names) - set(self.sent), self.now)
        for node, jobs in orders.items():
            assert not [reason for job in jobs if (reason := self.excess(node, self.trial_of(job)))]
            for job in jobs:
                others = {"train"} if self.folds else {"train", "score"}
                assert job.work.kind in ({"score"} if self.is_held_out(node, job) else others)
            self.sent[node] = Sent(jobs, self.now)
            self.asked |= {(node, job.trial, job.work.round): self.now for job in jobs}
        self.tries.update({self.phase_of(job) for jobs in orders.values() for job in jobs})

    def trial_of(self, job):
        return self.search.trials[int(whole(job.trial)[-4:])]

    def phase_of(self, job):
        """What is tried anew: a member's round, but the score of a trial as a whole."""
        return job.trial if job.work.kind == "train" else whole(job.trial), job.work.kind, job.work.round

    def is_held_out(self, node, job):
        """Whether a node is held out of what a job is for: a trial, or the member without its fold."""
        _, _, member = job.trial.partition(".")
        return node in (self.folds[int(member)] if member else self.held_out)

    # ------------------------------------------------------------ the nodes' side

    def deliver(self, node, respond):
        """Hand over one result for each job, as the strategy folds a reply."""
        sent = self.sent.pop(node)
        in_time = self.now < sent.since + DEADLINE
        for job in sent.jobs:
            result, before = respond(job, node), len(self.events)
            spent = Spent.of(self.search.trials).mac_examples
            self.search.take(node, job, result)
            self.cost[job.trial, job.work.kind, job.work.round] += Spent.of(self.search.trials).mac_examples - spent
            refused = [event["reason"] for event in self.events[before:] if event["event"] == "refused"]
            healthy = in_time and respond is not wrong
            assert not (healthy and refused), f"a healthy node's work is refused: {refused}"
            if respond is wrong:
                self.said.add(whole(job.trial))
            elif result.status == "done" and job.work.kind != "train" and not refused:
                scored = self.scores.setdefault((whole(job.trial), job.work.round), set())
                assert node not in scored, "scored twice"
                scored.add(node)
        self.search.leave_out(node, sent.jobs, "the reply lacks a result")
        return sent.jobs

    def well(self):
        """Nodes that are there, and compute what they were sent."""
        return [node for node in sorted(self.sent) if self.there[node] and node not in self.restarted]

    def respond(self, node, how):
        first = self.sent[node].jobs[0]
        half = lambda job, node: (done if job is first else undone)(job, node)  # noqa: E731
        jobs = self.deliver(node, {"wrong": wrong, "half": half}.get(how, done))
        if how == "twice":
            before = len(self.events)
            for job in jobs:
                self.search.take(node, job, done(job, node))
            assert [event["event"] for event in self.events[before:]] == ["refused"] * len(jobs)

    @precondition(lambda self: self.well())
    @rule(data=st.data(), how=st.sampled_from(["done", "half", "wrong", "twice"]))
    def one_answers(self, data, how):
        self.respond(data.draw(st.sampled_from(self.well())), how)

    @precondition(lambda self: self.well())
    @rule(how=st.sampled_from(["done", "half"]))
    def all_answer(self, how):
        for node in self.well():
            self.respond(node, how)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def message_is_lost(self, data):
        """Flower says that it expired, or that its node is gone."""
        node = data.draw(st.sampled_from(sorted(self.sent)))
        self.search.leave_out(node, self.sent.pop(node).jobs, "The node failed: it never answered", undecided=True)
        self.restarted.discard(node)

    @rule(seconds=st.sampled_from([4.0, 30.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(data=st.data(), restarted=st.booleans())
    def leave_or_return(self, data, restarted):
        """Go, or come back: after a cut link with what it was computing, or started again and knowing nothing."""
        node = data.draw(st.sampled_from(sorted(self.there)))
        self.there[node] = not self.there[node]
        if restarted and node in self.sent:
            self.restarted.add(node)

    @precondition(lambda self: len(self.there) < 6)
    @rule()
    def join(self):
        self.there[f"node-{len(self.there)}"] = True

    @rule(data=st.data(), width=st.integers(1, 5))
    def limit(self, data, width):
        self.too_wide[data.draw(st.sampled_from(sorted(self.there)))] = width

    @invariant()
    def what_was_found_can_be_told(self):
        assert {trial.number for trial in self.search.ranking} == set(range(len(self.search.trials)))
        if (winner := self.search.winner) is not None:
            assert winner.score is not None
            assert self.search.weights.weights(winner.number) is not None

    # ------------------------------------------------------------ what must hold

    @invariant()
    def no_place_leaks(self):
        places = [active.slot for active in self.search._active.values() if active.slot is not None]
        assert len(places) == len(set(places)) <= self.search.concurrency

    @invariant()
    def a_budget_is_kept(self):
        """With the final training of the best; each phase was foreseen with the nodes of the beginning at least."""
        if self.limit is None or not isinstance(self.search, Search):
            return
        workers = self.choices[2] or len(self.at_first - self.held_out)
        more = 0
        for (name, kind, _), cost in self.cost.items():
            macs = 7 * self.search.trials[int(whole(name)[-4:])].spec.layers[0].width  # of 4 features, 3 classes
            scorers = self.search.folds[int(name.partition(".")[2])] if "." in name else self.panel
            foreseen = 10 * min(workers, len(self.at_first - self.held_out)) if kind == "train" else 5 * len(scorers)
            more += max(0, cost - macs * foreseen)
        spent = Spent.of(self.search.trials).mac_examples
        assert spent == sum(self.cost.values())
        best, number = self.search.winner, len(self.at_first)
        macs = 0 if best is None else 7 * best.spec.layers[0].width + 12  # and of the linear model
        final = macs * (10 * min(self.choices[2] or number, number) + 5 * number)
        assert spent + final <= self.limit + more, (spent, final, self.limit, more)

    @invariant()
    def events_are_fair(self):
        new, self.seen = self.events[self.seen :], len(self.events)
        for event in new:
            trial = event.get("trial") and whole(event["trial"])
            assert trial not in self.ended or event["event"] in {"refused", "best"}, event
            if event["event"] in ENDS:
                self.ended.add(trial)
            check = getattr(self, f"check_{event['event']}", None)
            if check is not None:
                check(event)

    def check_absent(self, event):
        if "too wide" in event["reason"]:
            self.said.add(whole(event["trial"]))
        if event["reason"].startswith("no answer within"):
            since = self.asked[event["node"], event["trial"], event["round"]]
            assert self.now >= since + DEADLINE, f"{event} at {self.now}, asked at {since}"

    def check_scored(self, event):
        scored = self.scores[event["trial"], event["rounds"]]
        assert scored <= self.panel, "scored by nodes that are not in the panel"
        assert 2 * len(scored) > len(self.panel), f"{event}: a score of {len(scored)} nodes of {len(self.panel)}"
        assert event["metrics"]["nodes"] == len(scored)

    def check_failed(self, event):
        trial = whole(event["trial"])
        tries = max((count for key, count in self.tries.items() if whole(key[0]) == trial), default=0)
        assert trial in self.said or "can hold" in event["reason"] or tries >= TRIES, (event, tries)

    def check_member_failed(self, event):
        self.check_failed(event)
        self.lost.add(event["trial"])

    def teardown(self):
        """Let all nodes be well, and the search come to its end."""
        if not hasattr(self, "search"):
            return
        self.there = dict.fromkeys(self.there, True)
        self.too_wide.clear()
        for node in sorted(self.sent):
            self.search.leave_out(node, self.sent.pop(node).jobs, "The node failed: it never answered", undecided=True)
        for _ in range(300):
            self.exchange(1.0)
            for node in sorted(self.sent):
                self.deliver(node, done)
            self.events_are_fair()
            if self.search.done:
                break
        assert self.search.done
        self.a_budget_is_kept()
        assert self.ended == {f"{self.search.label}-{trial.number:04d}" for trial in self.search.trials}
        assert not self.search._active
        self.the_story_is_that_of_one_who_was_never_killed()
        self.noise_decides_nothing_alone()
        self.weights_have_grown()

    def the_story_is_that_of_one_who_was_never_killed(self):
        if self.story:
            other = SuccessiveHalving(self.search.fidelity.options)
            for what, trial, said in self.story:
                assert getattr(other, what)(*([] if trial is None else [trial])) == said

    def noise_decides_nothing_alone(self):
        for rung, promoted, stopped in self.rungs_decided():
            scores = [self.search.trials[number].scores[rung - 1] for number in (*promoted, *stopped)]
            ranks = standings([score.comparable for score in scores], [score.ties for score in scores])
            assert min(ranks[: len(promoted)]) >= max(ranks[len(promoted) :], default=(-1.0, 0.0)), (promoted, stopped)
            assert len(promoted) <= 2 * max(1, self.search.fidelity.options.bracket_size // HALVING.eta**rung)

    def rungs_decided(self):
        """Return for each rung that a bracket completed its number, who went on and who was stopped."""
        started = [trial.number for what, trial, _ in self.story if what == "start"]
        found: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
        for what, _, said in self.story:
            promotions = [said] if what == "next" and said is not None else []
            stopped = [e.trial for e in said if e.action == "stop"] if what in ("report", "close") else []
            told = [(one.trial, self.search.fidelity.rungs.index(one.rounds), 0) for one in promotions]
            told += [(number, self.search.trials[number].rung, 1) for number in stopped]
            for number, rung, side in told:
                bracket = started.index(number) // self.search.fidelity.options.bracket_size
                found.setdefault((bracket, rung), ([], []))[side].append(number)
        return [(rung, *sides) for (_, rung), sides in found.items()]

    def weights_have_grown(self):
        assert self.search.controller.in_flight == 0
        for trial in self.search.trials:
            for member, store in enumerate(getattr(self.search.weights, "_stores", [self.search.weights])):
                weights, lost = (
                    store.weights(trial.number),
                    f"{self.search.label}-{trial.number:04d}.{member}" in self.lost,
                )
                if weights is not None and trial.state is not TrialState.FAILED and not lost:
                    np.testing.assert_allclose(weights - store.initial(trial)["weights"], trial.rounds, atol=1e-5)


TestFederation = FederationMachine.TestCase
TestFederation.settings = settings(max_examples=200, stateful_step_count=40)
