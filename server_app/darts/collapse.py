"""Whether a search has collapsed: skip connections win everywhere, for they let weights train fastest.

H. Liang et al., "DARTS+: Improved Differentiable Architecture Search with Early Stopping", 2019, criterion 1: it ends
as soon as a cell would have two skip connections or more; here, more than a number of one's own. Of networks that have
no cells it ends where more than half of their places would do nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from common.architecture.kinds.cell import CellSpec
from common.architecture.kinds.cells import NONE, SKIP
from common.architecture.kinds.mobile_blocks import Identity

if TYPE_CHECKING:
    from common.architecture.kinds.mixed import MixedSpec
    from server_app.darts.mixture import Mixture


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
    return bool(_too_many(spec, chosen, max_skips))


def with_fewer_skips(mixture: Mixture, chosen: Mapping[str, Any], max_skips: int | None) -> Mixture:
    """Return a mixture whose strongest network has not collapsed; all that is left stays as likely.

    Of each cell that has too many skip connections those that are likeliest stay, and no other edge of it can be one:
    so X. Chen et al., "P-DARTS", ICCV 2019, section 3.3, keep as many as are wanted. Of networks that have no cells
    likewise.

    Parameters
    ----------
    mixture : Mixture
        What a search came to.
    chosen, max_skips
        Its strongest network, and the rest as of `has_collapsed`.
    """
    spec, kept = mixture.spec, {}
    likely = dict(zip((choice.place for choice in spec.choices), mixture.probabilities, strict=True))
    for part, places in _too_many(spec, chosen, max_skips).items():
        stay = sorted(places, key=lambda place: -max(likely[place]))[: _most(spec, max_skips)]
        for choice in spec.choices:
            active = tuple(index for index, option in enumerate(choice.options) if not _is_idle(option))
            real = any(choice.options[index] != NONE for index in active)
            if real and choice.place not in stay and _part_of(spec, choice.place) == part:
                kept[choice.place] = active
    return mixture.keeping(kept)


def _too_many(spec: MixedSpec, chosen: Mapping[str, Any], max_skips: int | None) -> dict[str, list[str]]:
    """Return by cell the places that do nothing, where they are more than may be; without cells all is one part."""
    if max_skips is None:
        return {}
    idle: defaultdict[str, list[str]] = defaultdict(list)
    for place, option in chosen.items():
        if _is_idle(option):
            idle[_part_of(spec, place)].append(place)
    return {part: places for part, places in idle.items() if len(places) > _most(spec, max_skips)}


def _most(spec: MixedSpec, max_skips: int | None) -> int:
    """Return how many places of a part may do nothing."""
    assert max_skips is not None
    return max_skips if isinstance(spec.frame, CellSpec) else len(spec.choices) // 2


def _part_of(spec: MixedSpec, place: str) -> str:
    return place.partition(".")[0] if isinstance(spec.frame, CellSpec) else ""


def _is_idle(option: Any) -> bool:
    return option == SKIP or isinstance(option, Identity)
