"""Changes of a mini-batch: what they must keep, and that each draw is another."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from client_app import augmentation
from client_app.augmentation import LARGEST_ANGLE, NOISE, SPREAD, augmenter, rotations
from common.errors import ConfigError
from common.seeding import generator
from common.settings import AUGMENTATIONS

CPU = torch.device("cpu")
SHAPES = {"vector": (6,), "sequence": (6, 20), "image": (2, 16, 24)}
CASES = [(kind, name) for kind, names in AUGMENTATIONS.items() for name in names]


def examples_of(kind: str, n: int = 400) -> np.ndarray:
    """Examples in raw units: channels with means and deviations of their own, far from 0 and 1."""
    shape = SHAPES[kind]
    rng = generator(0, "examples", kind)
    units = (shape[0], *[1] * (len(shape) - 1))
    mean, deviation = rng.uniform(-500, 500, units), 10.0 ** rng.integers(-2, 3, units)
    return (mean + deviation * rng.standard_normal((n, *shape))).astype(np.float32)


def changed(kind: str, *names: str, x: np.ndarray | None = None, seed: int = 1) -> torch.Tensor:
    x = examples_of(kind) if x is None else x
    return augmenter(names, x, CPU, seed)(torch.from_numpy(x))


def by_channel(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)


# ---------------------------------------------------------------- all


def test_the_table_has_what_the_settings_say():
    assert {kind: tuple(changes) for kind, changes in augmentation._TABLE.items()} == AUGMENTATIONS


@pytest.mark.parametrize(("kind", "name"), CASES)
@pytest.mark.parametrize("n", [1, 7])
def test_shape_type_and_input_stay_and_the_numbers_change(kind, name, n):
    everything = examples_of(kind)
    x = torch.from_numpy(everything[:n])
    before, change = x.clone(), augmenter([name], everything, CPU, 1)
    draws = [change(x) for _ in range(20)]
    assert {(draw.shape, draw.dtype) for draw in draws} == {(x.shape, torch.float32)}
    assert torch.equal(x, before)
    assert all(torch.isfinite(draw).all() for draw in draws)
    assert any(not torch.equal(draw, x) for draw in draws)
    assert any(not torch.equal(draw, draws[0]) for draw in draws)  # drawn anew each time


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_same_seed_draws_the_same_and_another_one_others(kind, name):
    assert torch.equal(changed(kind, name), changed(kind, name))
    assert not torch.equal(changed(kind, name), changed(kind, name, seed=2))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_examples_are_changed_independently(kind, name):
    one = examples_of(kind, 1)
    alike = np.repeat(one, 50, axis=0) + np.float32(0)
    rows = augmenter([name], examples_of(kind), CPU, 1)(torch.from_numpy(alike))
    assert len({row.numpy().tobytes() for row in rows}) > 1


def test_global_random_states_are_neither_used_nor_changed():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = changed("sequence", *AUGMENTATIONS["sequence"])
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    torch.rand(7)
    assert torch.equal(changed("sequence", *AUGMENTATIONS["sequence"]), first)
    torch.set_rng_state(torch_state)


def test_changes_follow_each_other_in_the_order_of_their_names():
    x = examples_of("sequence")
    scaling = augmentation.Scaling.of(x)
    mean, deviation = (torch.tensor(row, dtype=torch.float32).view(-1, 1) for row in (scaling.mean, scaling.std))
    channels, rng = augmentation.Channels(mean, deviation), generator(1, "augment")
    expected = augmentation.jitter(augmentation.rotate(torch.from_numpy(x), channels, rng), channels, rng)
    assert torch.equal(changed("sequence", "rotate", "jitter"), expected)


@pytest.mark.parametrize(("kind", "name"), [("vector", "rotate"), ("image", "jitter"), ("sequence", "flip")])
def test_what_a_kind_of_input_does_not_have_is_refused(kind, name):
    with pytest.raises(ConfigError, match=rf"training\.augmentation .*{kind}s .* got \['{name}'\]"):
        changed(kind, name)


def test_a_rotation_of_other_than_three_channels_a_sensor_is_refused():
    with pytest.raises(ConfigError, match=r"'4 channels'"):
        changed("sequence", "rotate", x=np.zeros((3, 4, 8), np.float32))


# ---------------------------------------------------------------- one by one

# Tolerances are those of float32 numbers around 500: one step is 3e-5, which is 0.003 deviations of 0.01.


@pytest.mark.parametrize("kind", ["vector", "sequence"])
def test_jitter_adds_noise_in_deviations_of_the_channel(kind):
    x = examples_of(kind)
    noise = by_channel(changed(kind, "jitter").numpy().astype(float) - x)
    deviation = by_channel(x.astype(float)).std(axis=1)
    # an estimate of a deviation from n numbers is within 4 / sqrt(2 n) of it
    assert noise.std(axis=1) / deviation == pytest.approx(NOISE, rel=4 / math.sqrt(2 * noise.shape[1]) + 0.01)
    assert np.abs(noise.mean(axis=1) / deviation).max() < 4 * NOISE / math.sqrt(noise.shape[1]) + 0.003


def test_what_never_changes_gets_no_noise():
    x = examples_of("vector")
    x[:, 2] = 7.5
    assert (changed("vector", "jitter", x=x)[:, 2] == 7.5).all()


def test_scale_stretches_each_channel_of_each_example_about_the_mean_of_the_channel():
    x = examples_of("sequence")
    mean = x.astype(float).mean(axis=(0, 2))[:, None]
    before, after = x - mean, changed("sequence", "scale").numpy() - mean
    factors = (before * after).sum(axis=2) / (before**2).sum(axis=2)
    spread = by_channel(x.astype(float)).std(axis=1)[:, None]
    assert (np.abs(after - factors[..., None] * before) / spread).max() < 0.02  # one factor for all steps
    assert factors.mean() == pytest.approx(1, abs=4 * SPREAD / math.sqrt(factors.size))
    assert factors.std() == pytest.approx(SPREAD, rel=4 / math.sqrt(2 * factors.size))
    assert np.abs(np.corrcoef(factors.T) - np.eye(6)).max() < 5 / math.sqrt(len(x))


@pytest.mark.parametrize("change", ["jitter", "scale"])
def test_units_play_no_part(change):
    celsius = generator(0, "celsius").normal(20, 5, (50, 3, 8)).astype(np.float32)
    fahrenheit = (1.8 * celsius.astype(float) + 32).astype(np.float32)
    expected = 1.8 * changed("sequence", change, x=celsius) + 32
    np.testing.assert_allclose(changed("sequence", change, x=fahrenheit), expected, atol=1e-4)


def test_rotations_are_proper_and_by_a_limited_angle_about_axes_of_all_directions():
    turned = rotations(4000, generator(0, "turn")).astype(float)
    np.testing.assert_allclose(turned @ turned.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turned.shape), atol=1e-6)
    assert np.linalg.det(turned) == pytest.approx(1, abs=1e-6)
    # the trace of a rotation by an angle is 1 + 2 cos(angle)
    angles = np.arccos(np.clip((np.trace(turned, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert angles.max() <= LARGEST_ANGLE + 1e-6
    # of a uniform angle in +-A the size has the mean A / 2 and the deviation A / sqrt(12)
    assert angles.mean() == pytest.approx(LARGEST_ANGLE / 2, abs=4 * LARGEST_ANGLE / math.sqrt(12 * 4000))
    skew = np.stack([turned[:, i, j] - turned[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))], axis=1)
    lengths = np.linalg.norm(skew, axis=1)  # the axis, times 2 sin(angle)
    np.testing.assert_allclose(lengths / 2, np.sin(angles), atol=1e-3)
    axes = skew / lengths[:, None]
    assert np.abs(axes.mean(axis=0)).max() < 4 / math.sqrt(3 * 4000)


def test_a_known_axis_turns_as_rodrigues_says():
    class Fixed:
        """Draws the axis z, and a sixth of half a turn."""

        def standard_normal(self, shape):
            return np.broadcast_to([0.0, 0.0, 2.0], shape).copy()

        def uniform(self, low, high, shape):  # noqa: ARG002
            return np.full(shape, math.pi / 6)

    half = math.sqrt(3) / 2
    expected = [[half, -0.5, 0], [0.5, half, 0], [0, 0, 1]]
    np.testing.assert_allclose(rotations(2, Fixed()), [expected, expected], atol=1e-7)


def test_all_sensors_of_an_example_turn_alike_and_keep_their_lengths():
    x = examples_of("sequence")
    after = changed("sequence", "rotate").numpy().reshape(-1, 2, 3, 20)
    before = x.reshape(-1, 2, 3, 20)
    np.testing.assert_allclose(np.linalg.norm(after, axis=2), np.linalg.norm(before, axis=2), rtol=1e-5)
    dots = [(part[:, 0].astype(float) * part[:, 1]).sum(axis=1) for part in (before, after)]
    np.testing.assert_allclose(dots[1], dots[0], rtol=1e-4, atol=2)  # the angle between two sensors stays too


def test_a_sequence_is_turned_round_by_all_steps_alike():
    x = np.arange(400 * 6 * 20, dtype=np.float32).reshape(400, 6, 20)
    after = changed("sequence", "shift", x=x).numpy()
    offsets = (after[:, 0, 0] - x[:, 0, 0]).astype(int)
    for before, row, offset in zip(x, after, offsets, strict=True):
        np.testing.assert_array_equal(row, np.roll(before, -offset, axis=1))
    assert set(offsets) == set(range(20))  # each is missed with a chance of 0.95 ** 400


def test_half_of_the_images_are_mirrored():
    x = examples_of("image")
    after = changed("image", "flip").numpy()
    same = np.array([np.array_equal(one, other) for one, other in zip(x, after, strict=True)])
    np.testing.assert_array_equal(after[~same], x[~same][..., ::-1])
    assert same.mean() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(len(x)))


def test_an_image_moves_by_an_eighth_at_most_and_its_edge_is_repeated():
    x = examples_of("image")
    after, found = changed("image", "crop", x=x).numpy(), set()
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (3, 3)), mode="edge")  # an eighth of 16 and of 24 on each side
    for number, image in enumerate(after):
        places = [
            (row, column)
            for row in range(5)
            for column in range(7)
            if np.array_equal(image, padded[number, :, row : row + 16, column : column + 24])
        ]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 5 * 7  # each is missed with a chance of (34 / 35) ** 400
