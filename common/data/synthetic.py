"""The tutorial's synthetic data: noise, with one feature raised that tells the class.

Each node draws its own from the same distribution: features from N(0, 1), labels uniform, and the
feature whose number is the label (modulo the number of features) raised by `shift`. The tutorial
scores on 300 examples that the server draws; here each node draws its share of them as its
validation examples, and test examples besides, so that all of `examples` are trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.data.base import (
    Dataset,
    Examples,
    Holder,
    NodeData,
    TestSet,
    check_holder,
    parse_options,
)
from common.errors import ConfigError
from common.seeding import generator
from common.settings import DatasetSettings
from common.tasks import Classification, Head, Task


@dataclass(frozen=True)
class SyntheticOptions:
    """Sizes; the defaults are the tutorial's.

    Parameters
    ----------
    examples, validation_examples, test_examples : int
        Of each node. Ten nodes have the tutorial's 300 examples to score on.
    features, classes : int
        Length of an example, and number of classes.
    shift : float
        What the telling feature is raised by, in standard deviations.
    """

    examples: int = 200
    validation_examples: int = 30
    test_examples: int = 30
    features: int = 32
    classes: int = 10
    shift: float = 2.0

    def __post_init__(self) -> None:
        least = {"examples": 1, "validation_examples": 1, "test_examples": 0, "features": 1, "classes": 2}
        for name, minimum in least.items():
            value = getattr(self, name)
            if value < minimum:
                raise ConfigError(f"dataset.options.{name} must be {minimum} or more", value, fix="See conf/dataset")


class Synthetic(Dataset):
    """Vectors that each node draws afresh, the same at every call with the same seed."""

    unused = ("path", "partition", "alpha", "validation_fraction", "test_fraction", "split", "gap")

    def __init__(self, settings: DatasetSettings) -> None:
        super().__init__(settings)
        self.options = parse_options(SyntheticOptions, settings)

    def node_data(self, holder: Holder, seed: int, head: Head | None = None) -> NodeData:
        """Return the training and validation examples of `holder`."""
        train = self._draw(holder, seed, "train", self.options.examples, head)
        validation = self._draw(holder, seed, "validation", self.options.validation_examples, head)
        task = Task((self.options.features,), head or Classification(self.options.classes))
        return NodeData(train, validation, task, num_test=self.options.test_examples)

    def node_test(self, holder: Holder, seed: int, head: Head | None = None) -> Examples | None:
        """Return the test examples of `holder`; None where `test_examples` is 0."""
        test = self._draw(holder, seed, "test", self.options.test_examples, head)
        return test if len(test) else None

    def server_test(self, head: Head | None = None) -> TestSet | None:  # noqa: ARG002 - there is none
        """Return None: the nodes have test examples of their own."""
        return None

    def natural_partitions(self) -> int | None:
        """Return None: there may be any number of nodes."""
        return None

    def _draw(self, holder: Holder, seed: int, part: str, count: int, head: Head | None) -> Examples:
        check_holder(holder)
        options = self.options
        rng = generator(seed, "synthetic", holder.partition, part)
        y = rng.integers(options.classes, size=count)
        x = rng.standard_normal((count, options.features), dtype=np.float32)
        x[np.arange(count), y % options.features] += options.shift
        return Examples(x, y if head is None else head.relabel(y, Classification(options.classes)))
