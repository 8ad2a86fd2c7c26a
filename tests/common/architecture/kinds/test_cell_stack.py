"""How cells become a network: against the same network in plain torch, from its papers' words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from common.architecture.initial import initial_weights
from common.architecture.kinds.cell import CellSpec
from common.models.builder import build
from common.seeding import generator
from common.tasks import Classification, Task

IMAGE = Task((2, 9, 7), Classification(3))


def built(spec):
    graph = spec.lower(IMAGE)
    module = build(graph, initial_weights(graph, generator(0)))
    x = torch.from_numpy(generator(1).standard_normal((4, *IMAGE.input_shape)).astype(np.float32))
    return module, x


class Plain:
    """Functions of a module's weights, by name."""

    def __init__(self, module):
        self.weights = dict(module.named_parameters())
        self.groups = {
            name: child.num_groups for name, child in module.named_children() if hasattr(child, "num_groups")
        }

    def norm(self, name, x):
        name = f"{name}_norm"
        return F.group_norm(x, self.groups[name], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def conv(self, name, x, stride=1):
        weight = self.weights[f"{name}.weight"]
        return self.norm(name, F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2))

    def relu_conv(self, name, x, stride=1):
        return self.conv(name, F.relu(x), stride)

    def residual(self, name, x):
        inner = self.relu_conv(f"{name}_second", self.relu_conv(f"{name}_first", x, 2))
        return inner + F.conv2d(halved(x), self.weights[f"{name}_shortcut.weight"])

    def head(self, x):
        return x.mean((2, 3)) @ self.weights["classifier.weight"].T + self.weights["classifier.bias"]


def halved(x):
    return F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)


def averaged(x):
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def test_a_network_of_nas_bench_201():
    spec = CellSpec("nasbench201", [[(0, "conv3")], [(0, "avg_pool3"), (1, "skip")]], cells=3, channels=4)
    module, x = built(spec)
    plain = Plain(module)
    stem = plain.conv("stem", x)
    cell = averaged(stem) + plain.relu_conv("cell0_node0_from0_conv3", stem)
    last = F.relu(plain.norm("last", plain.residual("cell2", plain.residual("cell1", cell))))
    torch.testing.assert_close(module(x), plain.head(last))


def test_a_network_of_darts():
    normal = [[(0, "skip"), (1, "sep_conv3")], [(1, "max_pool3"), (2, "dil_conv3")]]
    reduction = [[(0, "skip"), (1, "conv3")], [(1, "avg_pool3"), (2, "skip")]]
    module, x = built(CellSpec("darts", normal, reduction, cells=3, channels=4))
    plain = Plain(module)

    def separable(name, x, dilation=1):
        depthwise = plain.weights[f"{name}_depthwise.weight"]
        x = F.conv2d(F.relu(x), depthwise, padding=dilation, dilation=dilation, groups=len(depthwise))
        return plain.conv(name, x)

    def normal_cell(name, before, x):
        a, b = plain.relu_conv(f"{name}_input0", before), plain.relu_conv(f"{name}_input1", x)
        first = a + separable(f"{name}_node0_from1_sep_conv3", b)
        pooled = plain.norm(f"{name}_node1_from1_max_pool3", F.max_pool2d(b, 3, 1, 1))
        return torch.cat([first, pooled + separable(f"{name}_node1_from2_dil_conv3", first, 2)], 1)

    def reduction_cell(name, before, x):
        before = F.relu(before)
        if before.shape[2:] != x.shape[2:]:
            before = halved(before)
        a, b = plain.conv(f"{name}_input0", before), plain.relu_conv(f"{name}_input1", x)
        first = plain.conv(f"{name}_node0_from0_skip", halved(F.relu(a))) + plain.relu_conv(
            f"{name}_node0_from1_conv3", b, 2
        )
        return torch.cat([first, plain.norm(f"{name}_node1_from1_avg_pool3", halved(b)) + first], 1)

    stem = plain.conv("stem", x)
    zero = normal_cell("cell0", stem, stem)
    one = reduction_cell("cell1", stem, zero)
    torch.testing.assert_close(module(x), plain.head(reduction_cell("cell2", zero, one)))


@pytest.mark.parametrize(("cells", "blocks"), [(3, [1, 2]), (5, [1, 3]), (8, [2, 5]), (17, [5, 11])])
def test_extents_are_halved_after_one_and_two_thirds(cells, blocks):
    # 17 = 3 x 5 + 2: three stages of five, as in the paper of NAS-Bench-201.
    graph = CellSpec("nasbench201", [[(0, "conv1")]], cells=cells, channels=2).lower(IMAGE)
    halving = [node.name for node in graph.nodes if node.name.endswith("_halved")]
    assert halving == [f"cell{index}_halved" for index in blocks]
