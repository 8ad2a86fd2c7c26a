"""Whether a search has collapsed: skip connections win everywhere, for they let weights train fastest.

H. Liang et al., "DARTS+: Improved Differentiable Architecture Search with Early Stopping", 2019, criterion 1: it ends
as soon as a cell would have two skip connections or more; here, more than a number of one's own. Of networks that have
no cells it ends where more than half of what there is to choose would do nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.cells import SKIP
from common.architecture.kinds.mobile_blocks import Identity

if TYPE_CHECKING:
    from common.architecture.kinds.mixed import MixedSpec


def has_collapsed(spec: MixedSpec, chosen: Mapping[str, Any], max_skips: int | None) -> bool:
    """Tell whether a network has collapsed.

    Parameters
    ----------
    spec : MixedSpec
        Of which network it is.
    chosen : mapping
        By place what it has there, as of `strongest`.
    max_skips : int, optional
        Skip connections that a cell may have; None where nothing counts as a collapse.
    """
    if max_skips is None:
        return False
    if isinstance(spec.frame, CellSpec):
        skips = Counter(place.partition(".")[0] for place, option in chosen.items() if option == SKIP)
        return any(count > max_skips for count in skips.values())
    open_ = [choice.place for choice in spec.choices if len(choice.options) > 1]
    idle = sum(isinstance(chosen[place], Identity) for place in open_)
    return idle > len(open_) / 2
