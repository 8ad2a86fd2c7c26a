"""How differently an untrained network sees the examples of a mini-batch: NASWOT, the sign covariance of activations.

J. Mellor et al., "Neural Architecture Search without Training", ICML 2021: each unit is on or off for an example, two
examples are as alike as they have units in common that are both on or both off (the kernel K), and the score is
log |det K|.

What we do differently: the determinant is that of K + I. A network with fewer units than there are examples has a
singular K, and its score is what rounding leaves of minus infinity; with the identity added it is finite, 0 without any
unit, and all but the same where there are many. A unit of any activation is on where its input is above 0.
Gates are no units.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from common.models.proxies.network import Batch
from common.models.proxies.units import UNITS


def kernel(on: Tensor) -> Tensor:
    """Return in how many units two examples agree.

    Parameters
    ----------
    on : Tensor
        bool, shape ``(n, units)``.

    Returns
    -------
    Tensor
        float64, shape ``(n, n)``: the number of units less their Hamming distance.
    """
    on = on.float()  # sums of fewer than 2 ** 24 ones are exact
    return (on @ on.T + (1 - on) @ (1 - on).T).double()


def score(model: nn.Module, batch: Batch) -> float:
    """Return log det(K + I)."""
    total = torch.eye(len(batch.x), dtype=torch.float64, device=batch.x.device)

    def add(_: nn.Module, inputs: tuple[Any, ...], __: Any) -> None:
        total.add_(kernel(inputs[0].flatten(1) > 0))

    for module in model.modules():
        if isinstance(module, UNITS):
            module.register_forward_hook(add)
    with torch.no_grad():
        model(batch.x)
    return float(torch.linalg.slogdet(total).logabsdet)
