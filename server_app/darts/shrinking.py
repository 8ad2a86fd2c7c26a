"""Which options of a mixed network go from one level to the next one: progressive shrinking.

X. Chen, L. Xie, J. Wu & Q. Tian, "Progressive Differentiable Architecture Search" (P-DARTS), ICCV 2019, section 3.2:
the search has stages, after each of which the least likely options of every place are dropped. Here the network does
not become deeper meanwhile, and what stays keeps its weights, so that messages become smaller and nothing is learnt
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server_app.darts.mixture import Mixture

LEAST = 2
"""Options that stay at a place: between them the end of the search decides, and by them places are compared."""


def kept(mixture: Mixture, drop: int) -> dict[str, tuple[int, ...]]:
    """Return by place which options stay, as indices that rise, where up to `drop` of the least likely go.

    Of equally likely ones the last go first; `LEAST` stay in any case.
    """
    return {
        choice.place: _strongest(values, max(min(LEAST, len(values)), len(values) - drop))
        for choice, values in zip(mixture.spec.choices, mixture.probabilities, strict=True)
    }


def dropped(mixture: Mixture, kept_of: dict[str, tuple[int, ...]]) -> dict[str, list[str]]:
    """Return by place the names of what goes, of places where something does."""
    gone = {
        choice.place: [name for index, name in enumerate(choice.names) if index not in kept_of[choice.place]]
        for choice in mixture.spec.choices
    }
    return {place: names for place, names in gone.items() if names}


def _strongest(values: tuple[float, ...], count: int) -> tuple[int, ...]:
    order = sorted(range(len(values)), key=lambda index: (-values[index], index))
    return tuple(sorted(order[:count]))
