"""A task, its JSON, and what files of a run say of it."""

import pytest

from common.errors import SpecError
from common.preprocessing.scaling import Scaling
from common.tasks import Classification, Regression, Task, task_from_record


@pytest.mark.parametrize("shape", [None, "4", [], [4.0], [True], [0], [1, 1, 1, 1], 4])
def test_what_is_no_task_is_refused(shape: object) -> None:
    with pytest.raises(SpecError):
        Task.from_dict({"input_shape": shape, "head": Classification(2).to_dict()})


@pytest.mark.parametrize("scaling", ["federation", [1.0], {"mean": [0.0], "std": [1.0]}, 1])
def test_a_scaling_that_is_none_or_of_another_shape_is_refused(scaling: object) -> None:
    with pytest.raises(SpecError):
        Task.from_dict({"input_shape": [2], "head": Classification(2).to_dict(), "scaling": scaling})


@pytest.mark.parametrize("scaling", [None, "node", Scaling((0.1, 2.0), (1.0, 0.0))])
@pytest.mark.parametrize("head", [Classification(3, ("a", "b", "c")), Regression((1.0,), (2.0,))])
def test_a_task_comes_back_from_a_run_folder(head, scaling) -> None:
    task = Task((2, 5), head, scaling)
    assert task_from_record(task.to_record()) == task
    assert Task.from_dict(task.to_dict()) == task


def test_a_run_folder_of_before_there_were_heads_can_be_read() -> None:
    assert task_from_record({"input_shape": [4], "num_classes": 3}) == Task((4,), Classification(3))
    named = {"input_shape": [4], "num_classes": 2, "classes": ["a", "b"]}
    assert task_from_record(named) == Task((4,), Classification(2, ("a", "b")))
    assert named.items() <= Task((4,), Classification(2, ("a", "b"))).to_record().items()


def test_a_run_folder_of_before_a_metric_could_be_chosen_can_be_read() -> None:
    record = {"input_shape": [4], "head": {"kind": "classification", "num_classes": 3, "classes": []}}
    assert task_from_record(record) == Task((4,), Classification(3))
