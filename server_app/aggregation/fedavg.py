"""FedAvg, streaming: the mean of the updates, weighted by their examples.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data",
AISTATS 2017, algorithm 1: ``w = sum_k n_k w_k / sum_k n_k`` over the nodes that replied.

The sums are kept in fixed point, where addition is exact and thus commutative: the result is the
same, bit for bit, in whatever order the replies come. One reply is folded in and forgotten; what is
kept is 16 bytes a weight, however many nodes reply.

**Representation.** An update ``u`` becomes two integers, ``u = high / 2^14 + low / 2^48``, with
``high = rint(u 2^14)`` and ``low = rint((u 2^14 - high) 2^34)``. All steps but the last ``rint`` are
exact in float64: a float32 times a power of two is, and the difference is smaller than its minuend and
a multiple of its last bit. So an update is off by at most ``2^-49``; it is exact where ``|u| >= 2^-25``,
because the last bit of such a float32 is worth ``2^-48`` or more.

**Range.** With ``|u| < 2^20`` and at most ``E = 2^29`` examples in a round, ``|high| < 2^34`` and
``|low| <= 2^33``, thus both sums stay below ``2^63``. An update outside is refused on its own merits,
whoever came before it; only beyond half a billion examples in a round does it matter who came last.
(One 64-bit integer a weight would have to trade range against resolution: with 32 bits for the
fraction, a trial that diverges slowly would reach the end of it, and the order would decide who is in.)

**Error.** With ``M`` the largest ``|u|``, dividing the sums in float64 adds at most
``2^-53 (3 M + 2^-14)``, so that before the result is rounded to float32 (half a unit in the last
place, ``2^-24 |w|``, as for any mean in float32) it is off by less than ``2^-48 + 2^-51 M``.
Equal updates come back exactly where ``|u| >= 2^-25``: what they are off by is far below that half unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from common.errors import ProtocolError
from server_app.aggregation.base import Aggregation

if TYPE_CHECKING:
    from common.jobs import Weights

Sums = NDArray[np.int64]

HIGH = 2.0**14
LOW = 2.0**34
LIMIT = 2.0**20
MAX_EXAMPLES = 2**29

_BLOCK = 1 << 15  # weights converted at a time: the scratch space stays in the cache


class FedAvg(Aggregation):
    """Mean weighted by examples; the memory does not grow with the number of nodes."""

    _high: Sums
    _low: Sums

    def _start(self, weights: Weights) -> None:
        self._high = np.zeros(weights.size, np.int64)
        self._low = np.zeros(weights.size, np.int64)

    def _fold(self, node: str, update: Weights, num_examples: int, metrics: Mapping[str, float]) -> None:  # noqa: ARG002
        largest = max(abs(float(update.min())), abs(float(update.max())))
        if largest >= LIMIT:
            raise ProtocolError(
                f"FedAvg takes weights below {LIMIT:.0f} in magnitude",
                largest,
                fix="Lower training.learning_rate or scale the data",
            )
        if self.examples + num_examples > MAX_EXAMPLES:
            raise ProtocolError(
                f"FedAvg takes {MAX_EXAMPLES} examples at most in a round, of which {self.examples} are there",
                num_examples,
                fix="Let fewer nodes train each trial (placement.nodes_per_round)",
            )
        for block in _blocks(update.size):
            high, low = to_fixed(update[block])
            self._high[block] += np.multiply(high, num_examples, out=high)
            self._low[block] += np.multiply(low, num_examples, out=low)

    def _combine(self) -> Weights:
        mean = np.empty(self._high.size, np.float32)
        for block in _blocks(mean.size):
            mean[block] = (self._high[block] / HIGH + self._low[block] / (HIGH * LOW)) / self.examples
        del self._high, self._low  # a trial that waits for its next round holds no sums
        return mean


def to_fixed(values: Weights) -> tuple[Sums, Sums]:
    """Return the two integers of each value; the module says what they mean and how exact they are."""
    scaled = np.multiply(values, HIGH, dtype=np.float64)
    high = np.rint(scaled)
    scaled -= high
    scaled *= LOW
    return high.astype(np.int64), np.rint(scaled, out=scaled).astype(np.int64)


def _blocks(size: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, size, _BLOCK))
