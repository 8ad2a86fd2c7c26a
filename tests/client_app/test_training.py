import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from client_app.augmentation import augmenter
from client_app.training import train
from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import Conv1d, Linear, MaxPool
from common.architecture.spec import ArchitectureSpec
from common.data.base import Examples
from common.errors import ConfigError
from common.models.builder import build, flat_state
from common.seeding import generator
from common.settings import TrainingSettings
from common.tasks import Classification, Head, Regression, Task

VECTOR, SEQUENCE = Task((6,), Classification(3)), Task((2, 12), Classification(3))
MLP = LayeredSpec((Linear(16, norm="none"), Linear(8, norm="none", activation="tanh")))
DROPPING = LayeredSpec((Linear(32, norm="none", dropout=0.5), Linear(32, norm="none", dropout=0.5)))
CNN = LayeredSpec((Conv1d(8), MaxPool(2), Conv1d(8, norm="batch", skip=0), Linear(8, norm="batch")))
CASES = {"mlp": (MLP, VECTOR), "cnn": (CNN, SEQUENCE)}


def examples_of(task: Task, n: int = 56, seed: int = 0) -> Examples:
    rng = generator(seed, "examples")
    return Examples(
        rng.normal(size=(n, *task.input_shape)).astype(np.float32), rng.integers(0, task.head.output_width, n)
    )


def trained(spec: ArchitectureSpec, task: Task, settings: TrainingSettings, seed: int = 1, n: int = 56):
    model = build(spec.lower(task))
    loss = train(model, examples_of(task, n), task.head, settings, seed)
    return loss, flat_state(model).numpy()


def by_hand(spec: ArchitectureSpec, task: Task, settings: TrainingSettings, make, mu: float = 0.0):
    """The same loop as anybody would write it with torch.optim."""
    model = build(spec.lower(task))
    start = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = make(model.parameters())
    examples, order = examples_of(task), generator(1, "batches")
    change = augmenter(settings.augmentation, examples.x, torch.device("cpu"), 1)
    for _ in range(settings.epochs):
        index, total = order.permutation(len(examples)), 0.0
        for begin in range(0, len(examples), settings.batch_size):
            batch = examples.take(index[begin : begin + settings.batch_size])
            optimizer.zero_grad()
            outputs, y = model(change(torch.from_numpy(batch.x))), torch.from_numpy(batch.y)
            loss = F.cross_entropy(outputs, y, label_smoothing=settings.label_smoothing)
            loss.backward()
            for parameter, origin in zip(model.parameters(), start, strict=True):
                parameter.grad.add_(parameter.detach() - origin, alpha=mu)
            optimizer.step()
            total += loss.item() * len(batch)
    return total / len(examples), flat_state(model).numpy()


# 56 examples in batches of 16, the last of 8: 4 steps an epoch, 20 in all.


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("weight_decay", "mu"), [(0.0, 0.0), (0.01, 0.0), (0.0, 0.5)])
def test_adam_is_that_of_torch(case: str, weight_decay: float, mu: float):
    settings = TrainingSettings("adam", 0.01, 16, 5, weight_decay=weight_decay, proximal_mu=mu)
    loss, weights = trained(*CASES[case], settings)
    expected_loss, expected = by_hand(
        *CASES[case], settings, lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=weight_decay, fused=True), mu=mu
    )
    assert np.abs(weights - expected).max() < 1e-6
    assert loss == pytest.approx(expected_loss, abs=1e-6)


def test_adam_is_that_of_torch_unfused_too():
    settings = TrainingSettings("adam", 0.01, 16, 5)
    _, expected = by_hand(MLP, VECTOR, settings, lambda p: torch.optim.Adam(p, lr=0.01, foreach=False))
    assert np.abs(trained(MLP, VECTOR, settings)[1] - expected).max() < 1e-6


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("momentum", "weight_decay", "mu"), [(0.0, 0.0, 0.0), (0.9, 0.0, 0.0), (0.9, 0.01, 0.5)])
def test_sgd_is_that_of_torch(case: str, momentum: float, weight_decay: float, mu: float):
    settings = TrainingSettings("sgd", 0.05, 16, 5, momentum, weight_decay, mu)
    loss, weights = trained(*CASES[case], settings)
    expected_loss, expected = by_hand(
        *CASES[case],
        settings,
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=momentum, weight_decay=weight_decay, foreach=False),
        mu=mu,
    )
    assert np.abs(weights - expected).max() < 1e-6
    assert loss == pytest.approx(expected_loss, abs=1e-6)


def test_a_regression_lowers_the_square_of_scaled_errors():
    task = Task((6,), Regression((5.0, -200.0), (2.0, 30.0)))
    y = generator(0, "targets").normal((5, -200), (2, 30), (56, 2)).astype(np.float32)
    examples = Examples(examples_of(VECTOR).x, y)
    model = build(MLP.lower(task))
    loss = train(model, examples, task.head, TrainingSettings("sgd", 0.05, 16, 3), 1)
    twin, order, total = build(MLP.lower(task)), generator(1, "batches"), 0.0
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05)
    for _ in range(3):
        index, total = order.permutation(56), 0.0
        for begin in range(0, 56, 16):
            batch = examples.take(index[begin : begin + 16])
            optimizer.zero_grad()
            scaled = (torch.from_numpy(batch.y) - torch.tensor([5.0, -200.0])) / torch.tensor([2.0, 30.0])
            error = ((twin(torch.from_numpy(batch.x)) - scaled) ** 2).mean()
            error.backward()
            optimizer.step()
            total += error.item() * len(batch)
    assert loss == pytest.approx(total / 56, abs=1e-6)
    assert (flat_state(model) - flat_state(twin)).abs().max() < 1e-6
    assert np.array_equal(examples.y, y)


@pytest.mark.parametrize(
    "options",
    [
        {"label_smoothing": 0.2},
        {"augmentation": ("jitter", "shift")},
        {"label_smoothing": 0.2, "augmentation": ("scale",)},
    ],
)
def test_smoothing_and_augmentation_are_those_of_the_settings(options: dict[str, object]):
    settings = TrainingSettings("sgd", 0.05, 16, 5, **options)
    loss, weights = trained(*CASES["cnn"], settings)
    expected_loss, expected = by_hand(*CASES["cnn"], settings, lambda p: torch.optim.SGD(p, lr=0.05, foreach=False))
    assert np.abs(weights - expected).max() < 1e-6
    assert loss == pytest.approx(expected_loss, abs=1e-6)
    assert np.abs(weights - trained(*CASES["cnn"], TrainingSettings("sgd", 0.05, 16, 5))[1]).max() > 1e-4


def test_classes_weigh_what_was_agreed_on_where_the_settings_ask_for_it():
    """The step of all examples at once is that of each, by the weight of its class."""
    spec, task = MLP, VECTOR
    examples = examples_of(task)
    heavy = task.head.balanced_by([1.0 + label for label in range(task.head.output_width)])
    settings = TrainingSettings("sgd", 0.05, 1000, 1, class_weights="balanced")

    def stepped(head: Head, settings: TrainingSettings) -> np.ndarray:
        model = build(spec.lower(task))
        train(model, examples, head, settings, 1)
        return flat_state(model).numpy()

    twin = build(spec.lower(task))
    losses = F.cross_entropy(twin(torch.from_numpy(examples.x)), torch.from_numpy(examples.y), reduction="none")
    (losses * torch.from_numpy(1.0 + examples.y).float()).mean().backward()
    torch.optim.SGD(twin.parameters(), lr=0.05).step()
    assert np.abs(stepped(heavy, settings) - flat_state(twin).numpy()).max() < 1e-6
    plain = TrainingSettings("sgd", 0.05, 1000, 1)
    assert np.array_equal(stepped(heavy, plain), stepped(task.head, plain))
    assert np.array_equal(stepped(task.head, settings), stepped(task.head, plain))  # nobody knows any weights
    assert np.abs(stepped(heavy, settings) - stepped(heavy, plain)).max() > 1e-4


def test_augmentation_comes_from_the_seed_and_each_mini_batch_has_its_own():
    ramp = np.repeat(np.arange(24, dtype=np.float32).reshape(1, 2, 12), 40, axis=0)
    alike = Examples(ramp, np.zeros(40, np.int64))  # in whatever order: only the shifts can differ
    still = TrainingSettings("sgd", 1e-30, augmentation=("shift",))  # nothing is learned from one batch to the next
    spec = LayeredSpec((Linear(8, norm="none"),))

    def losses(settings: TrainingSettings, *seeds: int) -> set[float]:
        return {round(train(build(spec.lower(SEQUENCE)), alike, SEQUENCE.head, settings, seed), 5) for seed in seeds}

    assert len(losses(still, 1, 2, 3)) == 3
    assert len(losses(still, 1, 1)) == 1
    assert len(losses(TrainingSettings("sgd", 1e-30), 1, 2, 3)) == 1
    assert losses(still, 1) != losses(TrainingSettings("sgd", 1e-30, epochs=2, augmentation=("shift",)), 1)


def test_what_the_head_or_the_examples_do_not_have_is_refused():
    with pytest.raises(ConfigError, match=r"vectors is among jitter, got \['rotate'\]"):
        trained(MLP, VECTOR, TrainingSettings(augmentation=("rotate",)))
    task = Task((6,), Regression())
    examples = Examples(examples_of(VECTOR).x, np.zeros((56, 1), np.float32))
    with pytest.raises(ConfigError, match="label_smoothing is for classes"):
        train(build(MLP.lower(task)), examples, task.head, TrainingSettings(label_smoothing=0.1), 1)
    with pytest.raises(ConfigError, match="class_weights is for classes"):
        train(build(MLP.lower(task)), examples, task.head, TrainingSettings(class_weights="balanced"), 1)


def test_the_proximal_term_pulls_back():
    start = flat_state(build(MLP.lower(VECTOR))).numpy()
    distances = [
        np.linalg.norm(trained(MLP, VECTOR, TrainingSettings("sgd", 0.1, epochs=10, proximal_mu=mu))[1] - start)
        for mu in (0.0, 1.0, 5.0)
    ]
    assert distances[0] > distances[1] > distances[2]


def test_training_learns():
    examples = examples_of(VECTOR, 90)
    labelled = Examples(examples.x, examples.x[:, :3].argmax(axis=1))
    model = build(MLP.lower(VECTOR))
    first = train(model, labelled, VECTOR.head, TrainingSettings(learning_rate=0.01), 0)
    assert train(model, labelled, VECTOR.head, TrainingSettings(learning_rate=0.01, epochs=40), 1) < 0.5 * first


@pytest.mark.parametrize(("spec", "task"), [(DROPPING, VECTOR), (CNN, SEQUENCE)])
def test_the_same_seed_gives_the_same_bits(spec: ArchitectureSpec, task: Task):
    settings = TrainingSettings(epochs=3)
    (loss, first), (again, second) = trained(spec, task, settings, 5), trained(spec, task, settings, 5)
    assert loss == again
    assert first.tobytes() == second.tobytes()
    assert trained(spec, task, settings, 6)[1].tobytes() != first.tobytes()


def test_dropout_comes_from_the_seed():
    alike = Examples(np.ones((40, 6), np.float32), np.zeros(40, np.int64))  # in whatever order: only masks can differ
    losses = [train(build(DROPPING.lower(VECTOR)), alike, VECTOR.head, TrainingSettings(), seed) for seed in (1, 2)]
    assert abs(losses[0] - losses[1]) > 1e-3


def test_global_random_states_are_neither_used_nor_changed():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = trained(DROPPING, VECTOR, TrainingSettings())[1]
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    torch.rand(7)
    assert trained(DROPPING, VECTOR, TrainingSettings())[1].tobytes() == first.tobytes()
    torch.set_rng_state(torch_state)


def test_examples_are_not_written_to():
    examples = examples_of(VECTOR)
    x, y = examples.x.copy(), examples.y.copy()
    train(build(MLP.lower(VECTOR)), examples, VECTOR.head, TrainingSettings(epochs=2), 0)
    assert np.array_equal(examples.x, x)
    assert np.array_equal(examples.y, y)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_examples_and_a_last_batch_of_one_are_trained_on(n: int):
    spec = LayeredSpec((Linear(8, norm="batch"), Linear(8, norm="group")))
    loss, weights = trained(spec, VECTOR, TrainingSettings(batch_size=2), n=n)
    assert math.isfinite(loss)
    assert np.isfinite(weights).all()


def test_the_loss_is_the_mean_over_examples():
    # a learning rate that changes nothing: the mean over examples does not depend on how batches are cut
    losses = [trained(MLP, VECTOR, TrainingSettings("sgd", 1e-30, batch_size=size))[0] for size in (56, 16, 1)]
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-6)


def test_divergence_ends_training_at_once():
    model = build(MLP.lower(VECTOR))
    flat_state(model)[0] = math.nan
    settings = TrainingSettings(epochs=10**9)  # would never end
    assert math.isnan(train(model, examples_of(VECTOR), VECTOR.head, settings, 0))


def test_of_a_part_nothing_else_changes_nor_computes_as_in_training():
    """The linear map at the end, on features that batch norm scales and dropout leaves as in a score."""
    spec = LayeredSpec((Linear(8, norm="batch", dropout=0.5),))
    settings, examples = TrainingSettings("sgd", 0.1, batch_size=56), examples_of(VECTOR)
    model, whole = (build(spec.lower(VECTOR)) for _ in range(2))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    scored = F.cross_entropy(whole.eval()(torch.from_numpy(examples.x)), torch.from_numpy(examples.y))
    loss = train(model, examples, VECTOR.head, settings, 1, part=model.get_submodule("classifier"))
    assert loss == pytest.approx(scored.item(), abs=1e-6), "the loss of its one step is that of a score"
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
