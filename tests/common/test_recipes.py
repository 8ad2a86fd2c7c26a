"""What a task does not have is said before anything is trained."""

from __future__ import annotations

import pytest

from common.errors import ConfigError
from common.recipes import check_augmentation, check_recipe
from common.settings import AUGMENTATIONS, TrainingSettings
from common.tasks import KINDS, Classification, Regression, Task

SHAPES = {"vector": (6,), "sequence": (6, 16), "image": (6, 8, 8)}
NAMES = sorted({name for names in AUGMENTATIONS.values() for name in names})


def test_every_kind_of_input_has_its_augmentations():
    assert set(AUGMENTATIONS) == set(SHAPES) == set(KINDS.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", SHAPES)
def test_a_kind_of_input_has_the_augmentations_of_its_own_and_no_others(kind, name):
    task, recipe = Task(SHAPES[kind], Classification(3)), TrainingSettings(augmentation=(name,))
    if name in AUGMENTATIONS[kind]:
        check_recipe(recipe, task)
        return
    with pytest.raises(ConfigError) as raised:
        check_recipe(recipe, task)
    assert str(raised.value) == (
        f"training.augmentation of examples that are {kind}s is among {', '.join(AUGMENTATIONS[kind])}, "
        f"got ['{name}']. Leave them out."
    )


@pytest.mark.parametrize(("channels", "fits"), [(3, True), (9, True), (1, False), (4, False)])
def test_a_rotation_is_of_sensors_with_three_channels_each(channels, fits):
    if fits:
        check_augmentation(["jitter", "rotate"], "sequence", channels)
        return
    with pytest.raises(ConfigError, match=rf"rotate.*3 channels each.*got '{channels} channels'\. Leave rotate out"):
        check_augmentation(["jitter", "rotate"], "sequence", channels)


def test_smoothing_is_for_classes():
    recipe = TrainingSettings(label_smoothing=0.1)
    check_recipe(recipe, Task((6,), Classification(3)))
    with pytest.raises(ConfigError, match=r"training\.label_smoothing is for classes"):
        check_recipe(recipe, Task((6,), Regression()))


@pytest.mark.parametrize("shape", SHAPES.values())
@pytest.mark.parametrize("head", [Classification(3), Regression()])
def test_the_plain_recipe_fits_everything(shape, head):
    check_recipe(TrainingSettings(), Task(shape, head))
