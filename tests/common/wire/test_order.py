"""Orders on the wire: what is sent arrives, and what makes no sense is refused before it costs anything."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st

from common.architecture.cost import cost_of
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear
from common.architecture.layout import layout, state_size
from common.errors import ProtocolError
from common.jobs import NO_ARRAYS, Arrays, Job, Result, Split, Work
from common.limits import Limits, needs_of
from common.settings import BilevelSettings, PersonalSettings, TrainingSettings
from common.tasks import Classification, Task
from common.wire.arrays import Packer, num_bytes, pack
from common.wire.handshake import encode_question
from common.wire.order import decode_order, encode_order
from common.wire.results import decode_results, encode_results
from tests.support.mixed import mixed_cells
from tests.support.wire import (
    DIGEST,
    JOBS,
    LIMITS,
    ORDER,
    PREPROCESSING,
    RECIPES,
    RESULTS,
    SENT,
    SIZES,
    SPECS,
    TASK,
    decoded,
    encoded,
    over_the_wire,
    refused_jobs,
    same,
    weights_of,
)


def test_an_order_arrives_as_it_was_sent():
    got = decoded(over_the_wire(encoded()))
    assert replace(got, jobs=()) == replace(ORDER, jobs=())
    for received, sent in zip(got.jobs, JOBS, strict=True):
        assert replace(received, arrays={}) == replace(sent, arrays={})
        assert same(received.arrays, sent.arrays)


def test_an_order_may_be_empty_and_its_budget_a_whole_number_or_endless():
    assert decoded(over_the_wire(encoded(replace(ORDER, jobs=())))).jobs == ()
    assert decoded(over_the_wire(encoded(replace(ORDER, budget=60)))).budget == 60.0
    assert decoded(over_the_wire(encoded(replace(ORDER, budget=math.inf)))).budget == math.inf


def test_what_jobs_share_travels_once():
    content = encoded()
    record = content.config_records["order"]
    assert (record["specs"], record["spec"]) == ([spec.to_json() for spec in SPECS], [0, 0, 1, 0])
    assert [json.loads(text) for text in record["trainings"]] == [recipe.to_json() for recipe in RECIPES]
    assert (record["training"], record["arrays"]) == ([0, 0, 1, 0], [0, 0, 1, 2])
    assert sorted(content.array_records["arrays"]) == ["0/alphas", "0/weights", "1/weights", "2/weights"]
    score, train = decoded(over_the_wire(content)).jobs[:2]
    assert score.arrays is train.arrays


def test_messages_of_one_packer_share_what_is_serialized():
    packer = Packer("float32")
    whole, part = (encode_order(DIGEST, replace(ORDER, jobs=jobs), packer) for jobs in (JOBS, JOBS[2:]))
    assert part.array_records["arrays"]["0/weights"].data is whole.array_records["arrays"]["1/weights"].data
    assert same(decoded(over_the_wire(part)).jobs[0].arrays, JOBS[2].arrays)


def test_the_names_of_many_classes_fit():
    names = tuple(f"{number:0100d}" for number in range(5000))
    task = Task(TASK.input_shape, Classification(len(names), names))
    assert decoded(over_the_wire(encoded(replace(ORDER, task=task, jobs=())))).task == task


def test_weights_that_are_no_contiguous_array_arrive_whole():
    wide = weights_of(0, 2 * SIZES[0])
    order = replace(ORDER, jobs=(replace(JOBS[0], arrays={"weights": wide[::2]}),))
    assert same(decoded(over_the_wire(encoded(order))).jobs[0].arrays, {"weights": wide[::2]})


def halved(arrays: Arrays) -> Arrays:
    return {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()}


def test_half_precision_halves_the_bytes_and_rounds_once_each_way():
    content = over_the_wire(encoded(replace(ORDER, precision="float16")))
    assert num_bytes(content) == 2 * SENT
    got = decoded(content)
    assert got.precision == "float16"
    for received, sent in zip(got.jobs, JOBS, strict=True):
        assert same(received.arrays, halved(sent.arrays))
    back = over_the_wire(encode_results(DIGEST, RESULTS, precision="float16"))
    assert num_bytes(back) == 2 * (7 + 3)
    assert same(decode_results(back, "float16")[1].arrays, halved(RESULTS[1].arrays))


def test_another_precision_than_agreed_is_refused():
    with pytest.raises(ProtocolError, match="one packed float16 array"):
        decode_results(encode_results(DIGEST, RESULTS), "float16")
    content = encoded()
    content.config_records["order"]["precision"] = "float16"
    assert len(refused_jobs(content)) == len(JOBS)


def test_the_bytes_are_those_of_the_arrays():
    assert num_bytes(encoded()) == 4 * SENT
    assert num_bytes(encode_results(DIGEST, RESULTS)) == 4 * (7 + 3)
    assert num_bytes(encode_question(DIGEST, ORDER.dataset, PREPROCESSING, 0)) == 0


def test_bytes_are_counted_whatever_an_array_says_of_itself():
    honest = pack(weights_of(1))
    lies = (
        Array("poem", (-1,), "numpy.ndarray", honest.data),
        Array("float32", (10**12,), "numpy.ndarray", honest.data),
        Array("float32", (-7,), "a poem", honest.data),
    )
    assert [num_bytes(RecordDict({"arrays": ArrayRecord({"a": array})})) for array in lies] == [4 * 7] * 3
    assert num_bytes(RecordDict({"arrays": ArrayRecord({"a": Array("poem", (), "poem", b"roses")})})) == 0


def array_of(data: bytes, stype: str = "numpy.ndarray") -> Array:
    return Array("float32", (7,), stype, data)


def npy(values: np.ndarray, save: Callable[..., None] = np.save) -> bytes:
    buffer = io.BytesIO()
    save(buffer, values)
    return buffer.getvalue()


ARRAYS = {
    "garbage": array_of(b"garbage"),
    "empty": array_of(b""),
    "cut off": array_of(npy(weights_of(1))[:-1]),
    "pickled": array_of(npy(np.array([{}], dtype=object))),
    "zipped": array_of(npy(weights_of(1), np.savez)),
    "another type": array_of(npy(weights_of(1)), "torch.tensor"),
    "huge": array_of(npy(weights_of(1)).replace(b"(7,), }" + b" " * 12, b"(7" + b"0" * 12 + b",), }")),
    "float64": Array(weights_of(1).astype(np.float64)),
    "integers": Array(np.arange(7)),
    "a matrix": Array(np.zeros((7, 1), np.float32)),
    "a number": array_of(npy(np.zeros((), np.float32))),
}


def task_text(**changes: object) -> str:
    return json.dumps(TASK.to_dict() | changes)


def head_text(**changes: object) -> str:
    return task_text(head=TASK.head.to_dict() | changes)


ORDERS = {
    "seed": ["x", 1.5],
    "budget": [60, "x"],
    "task": [
        *("", "[]", "{}", 1, "[" * 100_000, " " * 2**23),
        task_text(input_shape=[10**1999] * 3),  # the size of such weights has more digits than Python writes
        *(task_text(input_shape=shape) for shape in ([], [9, 0], [9.0, 128.0], ["9"], [True, True], [1, 2, 3, 4], 9)),
        *(task_text(head=head) for head in (None, {}, {"kind": "poem"}, {"kind": "classification"})),
        *(head_text(num_classes=count) for count in (1, "6", True, 2**40)),
        *(head_text(classes=classes) for classes in (["A"], ["A"] * 6, [1] * 6, "ABCDEF")),
    ],
    "dataset": ["", "[]", '{"nmae": "digits"}', '{"name": "local", "alpha": 0}', '{"name": "local", "alpha": "x"}', 1],
    "precision": ["float64", 16, ""],
    "min_examples": [0, -1, 2.0, "10", True],
    "specs": ["{}", [1], [b"{}"]],
    "trainings": ["{}", [1], [b"{}"]],
    "job": [["a"], ["a"] * 4, ["a", "b", "c", "a"], [1, 2, 3, 4], "abcd"],
    "trial": [["a"], [1, 2, 3, 4], "abcd"],
    "kind": [["train"] * 3, ["train"] * 3 + ["steal"], [b"train"] * 4, ["train"] * 4, ["score"] * 4],
    "split": [["train"] * 3, ["train"] * 4, ["test"] * 4, ["validation", "all", "train", "test"], [""] * 4, "test"],
    "round": [[1.0] * 4, ["1"] * 4, [True] * 4, [1]],
    "rounds": [[1.0] * 4, ["1"] * 4, [True] * 4, [1]],
    "spec": [["x"] * 4, [], [0.0] * 4],
    "training": [["x"] * 4, [], [0.0] * 4],
    "arrays": [["x"] * 4, [], [0.0] * 4, [True] * 4],
    "bilevels": ["{}", [1], [b"{}"]],
    "bilevel": [["x"] * 4, [], [0.0] * 4],
    "personals": ["{}", [1], [b"{}"]],
    "personal": [["x"] * 4, [], [0.0] * 4],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in ORDERS.items() for value in values],
    ids=lambda value: repr(value)[:40],
)
def test_a_malformed_order_is_a_protocol_error(field: str, value: object):
    content = encoded()
    content.config_records["order"][field] = value
    with pytest.raises(ProtocolError):
        decode_order(content)


@pytest.mark.parametrize("field", [*ORDERS])
def test_an_order_without_one_of_its_fields_is_a_protocol_error(field: str):
    content = encoded()
    del content.config_records["order"][field]
    with pytest.raises(ProtocolError, match=repr(field)):
        decode_order(content)


@pytest.mark.parametrize("split", ["validation", "all", "test"])
def test_a_score_is_taken_on_what_is_not_trained_on_alone(split: Split):
    job = replace(JOBS[0], work=Work("score", split, 1))
    assert decoded(encoded(replace(ORDER, jobs=(job,)))).jobs[0].work == job.work


@pytest.mark.parametrize("threshold", [0.0, 0.25, 1.0])
def test_a_test_may_have_a_threshold(threshold: float):
    job = replace(JOBS[0], work=replace(JOBS[0].work, split="test", threshold=threshold, bootstrap=200))
    order = replace(ORDER, jobs=(JOBS[1], job))
    assert [job.work for job in decoded(over_the_wire(encoded(order))).jobs] == [JOBS[1].work, job.work]


@pytest.mark.parametrize("threshold", [-0.5, 1.5, math.nan, math.inf])
def test_a_threshold_that_is_no_probability_is_a_protocol_error(threshold: float):
    work = replace(JOBS[0].work, threshold=threshold)
    with pytest.raises(ProtocolError, match="A threshold is a probability"):
        decode_order(encoded(replace(ORDER, jobs=(replace(JOBS[0], work=work),))))


@pytest.mark.parametrize("draws", [-1, 10_001])
def test_nobody_draws_for_ever(draws: int):
    work = replace(JOBS[0].work, bootstrap=draws)
    with pytest.raises(ProtocolError, match="Examples are drawn 0 to 10000 times"):
        decode_order(encoded(replace(ORDER, jobs=(replace(JOBS[0], work=work),))))


def proxy_jobs(number: int) -> tuple[Job, ...]:
    specs = [LayeredSpec((Linear(width + 2),)) for width in range(number)]
    work = Work("proxy", "train", 0, RECIPES[0])
    return tuple(Job(f"proxy-{at}", f"proxy-{at}", spec, NO_ARRAYS, work) for at, spec in enumerate(specs))


def test_hundreds_of_specs_to_be_scored_by_proxies_travel_in_one_message_without_weights():
    order = replace(ORDER, jobs=proxy_jobs(500), min_examples=7)
    content = over_the_wire(encoded(order))
    assert num_bytes(content) == 0
    assert decoded(content) == order


def test_a_proxy_job_takes_no_weights_whoever_sends_some():
    content = encoded(replace(ORDER, jobs=proxy_jobs(1)))
    content.array_records["arrays"]["0/weights"] = ARRAYS["huge"]
    assert decoded(content).jobs[0].arrays == {}


@pytest.mark.parametrize("split", ["validation", "all", "test"])
def test_a_proxy_job_looks_at_training_examples_only(split: Split):
    job = replace(proxy_jobs(1)[0], work=Work("proxy", split, 0))
    with pytest.raises(ProtocolError, match="on the train split"):
        decode_order(encoded(replace(ORDER, jobs=(job,))))


def test_of_specs_to_be_scored_by_proxies_only_those_above_the_limits_are_refused():
    most = cost_of(proxy_jobs(3)[1].spec.lower(TASK)).parameters
    content = encoded(replace(ORDER, jobs=proxy_jobs(3)))
    assert list(refused_jobs(content, Limits(max_parameters=most))) == ["proxy-2"]
    content.config_records["order"]["specs"][1] = "{"
    assert list(refused_jobs(content)) == ["proxy-1"]


def test_scores_by_proxies_come_back_and_those_that_are_left_out_stay_so():
    results = (
        Result("proxy-0", "done", "", 32, {"synflow": 12.5, "grad_norm": 0.25, "naswot": 90.0}, 0.5),
        Result("proxy-1", "done", "Not finite, and left out: synflow", 32, {"grad_norm": 0.5, "naswot": 9.0}, 0.5),
        Result("proxy-2", "refused", "The node takes 10 parameters at most"),
    )
    assert decode_results(over_the_wire(encode_results(DIGEST, results))) == results


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_no_packed_weights_are_refused(case: str):
    order = encoded()
    order.array_records["arrays"]["1/weights"] = ARRAYS[case]
    assert list(refused_jobs(order)) == ["train-2"]
    assert "The array 'weights' of 'train-2'" in refused_jobs(order)["train-2"]
    results = encode_results(DIGEST, RESULTS)
    results.array_records["arrays"]["1/weights"] = ARRAYS[case]
    with pytest.raises(ProtocolError, match="The array 'weights' of 'train-1'"):
        decode_results(results)


def test_arrays_beside_the_weights_are_read_as_carefully():
    order = encoded()
    order.array_records["arrays"]["0/alphas"] = ARRAYS["huge"]
    assert list(refused_jobs(order)) == ["score-1", "train-1"]
    order = encoded()
    order.array_records["arrays"]["1/\n"] = pack(weights_of(0))
    assert refused_jobs(order) == {
        "train-2": "Names of arrays must be printable, with 1 to 64 characters, got 'train-2'."
    }


def test_an_order_without_its_record_is_a_protocol_error():
    content = encoded()
    del content["order"]
    with pytest.raises(ProtocolError, match="'order'"):
        decode_order(content)


def test_jobs_without_weights_are_refused():
    content = encoded()
    del content.array_records["arrays"]["0/weights"]
    assert list(refused_jobs(content)) == ["score-1", "train-1"]
    del content["arrays"]
    assert refused_jobs(content) == {job.id: f"A job must come with its weights, got {job.id!r}." for job in JOBS}


@pytest.mark.parametrize("index", [3, -1, 2**62])
def test_a_job_whose_arrays_are_not_there_is_refused(index: int):
    content = encoded()
    content.config_records["order"]["arrays"][2] = index
    assert refused_jobs(content) == {"train-2": "A job must come with its weights, got 'train-2'."}


def test_a_job_with_the_arrays_of_another_spec_is_refused():
    content = encoded()
    content.config_records["order"]["arrays"][2] = 0
    assert list(refused_jobs(content)) == ["train-2"]
    assert f"array of {SIZES[1]} numbers" in refused_jobs(content)["train-2"]


DEEP = json.dumps({"version": 1, "kind": "layered", "layers": [{"op": "linear", "width": 8}] * 65})


SPEC_TEXTS = {
    "malformed": ("{", "must be valid JSON"),
    "nested": ("[" * 100_000, "must have 65536 characters at most"),
    "nested within the length": ("[" * 60_000, "must be valid JSON"),
    "too long": (json.dumps({"version": 1, "kind": "layered", "layers": [" " * 70_000]}), "65536 characters at most"),
    "too deep": (DEEP, "64 layers at most"),
    "another version": ('{"version": 2, "kind": "layered", "layers": []}', "version must be 1"),
    "another task's": (LayeredSpec((Linear(4), Conv1d(4))).to_json(), "Layer 1"),
    "unknown operation": ('{"version": 1, "kind": "layered", "layers": [{"op": "perception"}]}', "op must be one of"),
}


@pytest.mark.parametrize("case", SPEC_TEXTS)
def test_a_spec_that_makes_no_sense_costs_its_own_jobs_only(case: str):
    text, reason = SPEC_TEXTS[case]
    content = encoded()
    content.config_records["order"]["specs"][1] = text
    reasons = refused_jobs(over_the_wire(content))
    assert list(reasons) == ["train-2"]
    assert reason in reasons["train-2"]


TRAINING_TEXTS = {
    "malformed": ("{", "must be a JSON object"),
    "a list": ("[]", "must be a JSON object"),
    "nested": ("[" * 60_000, "must be a JSON object"),
    "too long": (" " * 70_000, "65536 characters at most"),
    "no epochs": ('{"epochs": 0}', "training.epochs must be above 0"),
    "another type": ('{"epochs": null}', "training.epochs must be of type int"),
    "unknown": ('{"lr": 1}', "TrainingSettings knows only"),
    "an unknown augmentation": ('{"augmentation": ["wings"]}', "different names among"),
    "augmentations that are no list": ('{"augmentation": {"jitter": 1}}', "must be a list of type str"),
    "too large a number": (f'{{"batch_size": {10**19}}}', "whole numbers of 19 digits at most"),
}


@pytest.mark.parametrize("case", TRAINING_TEXTS)
def test_a_recipe_that_makes_no_sense_costs_its_own_jobs_only(case: str):
    text, reason = TRAINING_TEXTS[case]
    content = encoded()
    content.config_records["order"]["trainings"][1] = text
    reasons = refused_jobs(over_the_wire(content))
    assert list(reasons) == ["train-2"]
    assert reason in reasons["train-2"]


@pytest.mark.parametrize(("column", "table"), [("spec", "specs"), ("training", "trainings")])
@pytest.mark.parametrize("index", [2, -1, 2**62])
def test_a_spec_or_a_recipe_that_is_not_there_costs_its_own_jobs_only(column: str, table: str, index: int):
    content = encoded()
    content.config_records["order"][column][3] = index
    assert refused_jobs(content) == {"test-9": f"A job names one of the 2 {table} of its message, got {index}."}


MIXED = mixed_cells("nasbench201", ("none", "skip", "conv3"))
STEPS = BilevelSettings("mixed", "gumbel", 0.5, 0.01, 0.0, 0.25, False, 2.0)
BILEVEL = Job(
    *("bilevel-1", "mixed-0000", MIXED),
    {"weights": weights_of(1, state_size(layout(MIXED.lower(TASK)))), "alphas": weights_of(2, MIXED.num_alphas)},
    Work("bilevel", "train", 3, RECIPES[0], 9, bilevel=STEPS),
)


def test_a_bilevel_job_travels_with_its_settings_beside_others():
    order = replace(ORDER, jobs=(*JOBS, BILEVEL))
    content = encoded(order)
    record = content.config_records["order"]
    assert [json.loads(text) for text in record["bilevels"]] == [None, STEPS.to_json()]
    assert record["bilevel"] == [0, 0, 0, 0, 1]
    got = decoded(over_the_wire(content)).jobs[-1]
    assert replace(got, arrays={}) == replace(BILEVEL, arrays={})
    assert same(got.arrays, BILEVEL.arrays)


WRONG = {
    "no settings": (replace(BILEVEL, work=replace(BILEVEL.work, bilevel=None)), "which needs both"),
    "a plain spec": (
        replace(JOBS[0], work=replace(BILEVEL.work)),
        r"needs both, got ('bilevel', 'layered', 'bilevel settings')",
    ),
    "a mixed spec to be trained": (
        replace(BILEVEL, work=replace(BILEVEL.work, kind="train", bilevel=None)),
        "Train and score the plain spec",
    ),
    "a mixed spec to be scored": (
        replace(BILEVEL, work=Work("score", "validation", 1)),
        "Train and score the plain spec",
    ),
    "a mixed spec to be scored by proxies": (replace(BILEVEL, work=Work("proxy", "train", 0)), "which needs both"),
    "settings where none belong": (replace(JOBS[1], work=replace(JOBS[1].work, bilevel=STEPS)), "which needs both"),
    "no architecture weights": (
        replace(BILEVEL, arrays={"weights": BILEVEL.arrays["weights"]}),
        "must come with its alphas",
    ),
    "architecture weights of another size": (
        replace(BILEVEL, arrays={**BILEVEL.arrays, "alphas": weights_of(2, MIXED.num_alphas + 1)}),
        f"array of {MIXED.num_alphas} numbers",
    ),
    "weights of fewer options": (
        replace(BILEVEL, spec=MIXED.keeping({MIXED.choices[0].place: [0, 1]})),
        "'weights' of 'bilevel-1' must be one packed",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_bilevel_job_that_lacks_something_and_another_that_has_it_are_refused(case: str):
    job, reason = WRONG[case]
    content = over_the_wire(encoded(replace(ORDER, jobs=(job,))))
    assert reason in refused_jobs(content)[job.id]


BILEVEL_TEXTS = {
    "malformed": ("{", "must be a JSON object"),
    "unknown": ('{"lr": 1}', "BilevelSettings knows only"),
    "another order": ('{"order": "third"}', "bilevel.order must be one of first, second, mixed"),
    "all examples": ('{"fraction": 1.0}', "bilevel.fraction must lie in [0, 1)"),
    "no number": ('{"temperature": NaN}', "bilevel.temperature must be above 0"),
    "too long": (" " * 70_000, "65536 characters at most"),
}


@pytest.mark.parametrize("case", BILEVEL_TEXTS)
def test_settings_that_make_no_sense_cost_their_own_jobs_only(case: str):
    text, reason = BILEVEL_TEXTS[case]
    content = encoded(replace(ORDER, jobs=(JOBS[0], BILEVEL)))
    content.config_records["order"]["bilevels"][1] = text
    reasons = refused_jobs(over_the_wire(content))
    assert list(reasons) == ["bilevel-1"]
    assert reason in reasons["bilevel-1"]


def test_a_split_that_is_not_for_training_is_none_for_a_bilevel_job():
    content = encoded(replace(ORDER, jobs=(replace(BILEVEL, work=replace(BILEVEL.work, split="validation")),)))
    with pytest.raises(ProtocolError, match="A job trains"):
        decode_order(content)


OWN = PersonalSettings("mix", 3, 0.125, (1, 2, 4), "/runs/one/personal")
PERSONAL = replace(JOBS[1], id="personal-1", work=Work("personal", "train", 4, RECIPES[0], 4, personal=OWN))


def test_a_personal_job_travels_with_its_settings_beside_others():
    content = encoded(replace(ORDER, jobs=(*JOBS, PERSONAL)))
    record = content.config_records["order"]
    assert [json.loads(text) for text in record["personals"]] == [None, OWN.to_json()]
    assert record["personal"] == [0, 0, 0, 0, 1]
    assert record["arrays"][-1] == record["arrays"][0], "the weights that others start from are sent once"
    got = decoded(over_the_wire(content)).jobs[-1]
    assert replace(got, arrays={}) == replace(PERSONAL, arrays={})
    assert same(got.arrays, PERSONAL.arrays)


@pytest.mark.parametrize("work", [replace(PERSONAL.work, personal=None), replace(JOBS[1].work, personal=OWN)])
def test_personal_settings_belong_to_a_personal_job(work: Work):
    content = encoded(replace(ORDER, jobs=(replace(PERSONAL, work=work),)))
    assert "belong to a personal job, which needs them" in refused_jobs(over_the_wire(content))["personal-1"]


@pytest.mark.parametrize("split", ["validation", "all", "test"])
def test_a_personal_job_trains(split: Split):
    job = replace(PERSONAL, work=replace(PERSONAL.work, split=split))
    with pytest.raises(ProtocolError, match="A job trains"):
        decode_order(encoded(replace(ORDER, jobs=(job,))))


PERSONAL_TEXTS = {
    "malformed": ("{", "must be a JSON object"),
    "unknown": ('{"upload": true}', "PersonalSettings knows only"),
    "another method": ('{"method": "steal"}', "personal.method must be one of head, all, mix"),
    "no epoch": ('{"epochs": 0}', "personal.epochs must be above 0"),
    "no number": ('{"learning_rate": NaN}', "personal.learning_rate must be above 0"),
    "too long": (" " * 70_000, "65536 characters at most"),
}


@pytest.mark.parametrize("case", PERSONAL_TEXTS)
def test_personal_settings_that_make_no_sense_cost_their_own_job_only(case: str):
    text, reason = PERSONAL_TEXTS[case]
    content = encoded(replace(ORDER, jobs=(JOBS[0], PERSONAL)))
    content.config_records["order"]["personals"][1] = text
    reasons = refused_jobs(over_the_wire(content))
    assert list(reasons) == ["personal-1"]
    assert reason in reasons["personal-1"]


@pytest.mark.parametrize("limit", ["max_parameters", "max_macs"])
def test_a_spec_above_the_limits_is_refused_before_its_weights_are_looked_at(limit: str):
    costs = [getattr(cost_of(spec.lower(TASK)), limit.removeprefix("max_")) for spec in SPECS]
    less = min(range(2), key=costs.__getitem__)
    content = encoded()
    for job, number in zip(JOBS, content.config_records["order"]["arrays"], strict=True):
        if job.spec != SPECS[less]:
            content.array_records["arrays"][f"{number}/weights"] = ARRAYS["garbage"]
    reasons = refused_jobs(content, Limits(**{limit: costs[less]}))
    assert sorted(reasons) == sorted(job.id for job in JOBS if job.spec != SPECS[less])
    assert all("must stay within the node's limits" in reason for reason in reasons.values())
    assert refused_jobs(encoded(), Limits(**{limit: max(costs)})) == {}


def test_memory_is_limited_by_what_the_jobs_own_optimizer_and_batch_take():
    plain, large = TrainingSettings("sgd", batch_size=1), TrainingSettings("adam", batch_size=100_000)
    jobs = tuple(
        replace(JOBS[1], id=name, work=Work("train", "train", 1, recipe))
        for name, recipe in (("plain", plain), ("large", large))
    )
    enough = Limits(max_memory_mb=needs_of(SPECS[0], TASK, plain).memory_mb)
    reasons = refused_jobs(encoded(replace(ORDER, jobs=jobs)), enough)
    assert list(reasons) == ["large"]
    assert "MiB of memory at most (max-memory-mb)" in reasons["large"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=20) | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=200)
def test_whatever_an_order_holds_it_is_read_or_refused(data: st.DataObject):
    """One field, setting, spec or array of a good order is replaced by nonsense."""
    content = encoded()
    record = content.config_records["order"]
    name = data.draw(st.sampled_from([*record, "an array"]))
    value = data.draw(VALUES)
    if name == "an array":
        shape = tuple(data.draw(st.lists(st.integers(-5, 2**40), max_size=2)))
        blob = data.draw(st.binary(max_size=200) | st.just(npy(weights_of(1, SIZES[0]))))
        key = data.draw(st.sampled_from(["0/weights", "0/alphas", "0/", "9/weights", "weights"]) | st.text(max_size=8))
        content.array_records["arrays"][key] = Array("float32", shape, "numpy.ndarray", blob)
    elif name in ("task", "dataset", "trainings", "specs"):
        old = record[name]
        plain = json.loads(old[0] if isinstance(old, list) else old)
        plain[data.draw(st.sampled_from([*plain, "other"]))] = value if not isinstance(value, bytes) else None
        text = json.dumps(plain, default=str)
        record[name] = [text, text] if isinstance(old, list) else text
    else:
        record.__dict__["_data"][name] = value  # past the record's own check: it came over the wire
    try:
        order, refused = decode_order(content, LIMITS)
    except ProtocolError:
        return
    read = [job.id for job in order.jobs] + [result.job for result in refused]
    assert len(set(read)) == len(read) == len(JOBS)
    assert all(len(job.arrays["weights"]) == state_size(layout(job.spec.lower(order.task))) for job in order.jobs)
