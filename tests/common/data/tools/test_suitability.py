from collections.abc import Callable

import numpy as np
import pytest

from common.data import Holder, load_node_data, load_node_test
from common.data.tools.suitability import Wanted, check
from common.errors import DataError
from common.settings import DatasetSettings

Save = Callable[..., str]

NAMES = np.array(["cat", "dog"])


@pytest.fixture
def numbered(save: Save) -> str:
    return save("numbered.npz", x=np.arange(40, dtype=np.float32).reshape(20, 2), y=np.arange(20) % 2 * 2)


@pytest.fixture
def named(save: Save) -> str:
    return save("named.npz", x=np.arange(40, dtype=np.float32).reshape(20, 2), y=np.arange(20) % 2, classes=NAMES)


def test_the_parts_are_those_of_a_search(numbered: str):
    finding = check(numbered, Wanted())
    data = load_node_data(DatasetSettings(), Holder(path=numbered), 5)
    test = load_node_test(DatasetSettings(), Holder(path=numbered), 5)
    assert test is not None
    assert finding.problem is None
    assert finding.parts == (len(data.train), len(data.validation), len(test))


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (Wanted(), ("1",)),
        (Wanted(num_classes=3), ("1",)),
        (Wanted(num_classes=5), ("1", "3", "4")),
        (Wanted(input_shape=(2,)), ("1",)),
    ],
)
def test_numbered_data_that_fit(numbered: str, wanted: Wanted, missing: tuple[str, ...]):
    finding = check(numbered, wanted)
    assert (finding.problem, finding.missing) == (None, missing)


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [(Wanted(), ()), (Wanted(num_classes=3), ()), (Wanted(classes=("ant", "cat", "dog")), ("ant",))],
)
def test_named_data_that_fit(named: str, wanted: Wanted, missing: tuple[str, ...]):
    finding = check(named, wanted)
    assert (finding.problem, finding.missing) == (None, missing)


@pytest.mark.parametrize(
    ("wanted", "rule", "detail"),
    [
        (Wanted(num_classes=2), "2 classes, numbered from 0 to 1", "one example has the label 2"),
        (Wanted(classes=("cat", "dog")), "have names, and the labels of these data are numbers", "cat, dog"),
        (Wanted(input_shape=(1, 28, 28)), "shape 1 x 28 x 28", "the shape 2"),
    ],
)
def test_numbered_data_that_do_not_fit(numbered: str, wanted: Wanted, rule: str, detail: str):
    problem = check(numbered, wanted).problem
    assert problem is not None
    assert rule in str(problem)
    assert detail in problem.detail


def test_other_names_do_not_fit(named: str):
    problem = check(named, Wanted(classes=("Cat", "dog"))).problem
    assert problem is not None
    assert "the classes Cat, dog, in just these words" in str(problem)
    assert problem.detail == "here are also cat"


def test_more_names_than_classes_do_not_fit(save: Save):
    path = save(x=np.zeros((9, 2), np.float32), y=np.arange(9) % 3, classes=np.array(["a", "b", "c"]))
    problem = check(path, Wanted(num_classes=2)).problem
    assert problem is not None
    assert (problem.rule, problem.detail) == ("The search has 2 classes", "there are 3")


def test_too_few_examples_do_not_fit(save: Save):
    finding = check(save(x=np.zeros((1, 2), np.float32), y=np.array([0])), Wanted())
    assert finding.problem is not None
    assert "too few" in str(finding.problem)
    assert finding.parts == ()


def test_data_that_cannot_be_read_are_an_error(save: Save):
    with pytest.raises(DataError, match="must be finite"):
        check(save(x=np.full((2, 2), np.nan), y=np.array([0, 1])), Wanted())
