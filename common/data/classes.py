"""The names of classes, and the numbers that stand for them.

Data may name their classes: folders of images do, and a column of texts. Each node numbers the names that it
has; the handshake agrees on the sorted union over the nodes, and from then on all number by that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from common.data.base import Examples
from common.errors import DataError


def renumber(examples: Examples, own: tuple[str, ...], agreed: tuple[str, ...]) -> Examples:
    """Give the labels of `examples` their numbers among the names that were agreed on.

    Parameters
    ----------
    examples : Examples
        Labelled by position in `own`.
    own : tuple of str
        What the data call their classes; empty where their labels are numbers.
    agreed : tuple of str
        What all nodes call them; empty where nothing was agreed on, and then nothing changes.

    Raises
    ------
    DataError
        The data hold a class that is not among those agreed on, or their labels are numbers.
    """
    if not agreed or own == agreed:
        return examples
    return Examples(examples.x, numbers_of(own, agreed)[examples.y])


def numbers_of(own: tuple[str, ...], agreed: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the position in `agreed` of each name in `own`; errors as in `renumber`."""
    if not own:
        raise DataError(
            "The classes of this search have names, and the labels of these data are numbers",
            fix="Write the names of the classes instead of numbers, in the words that the other nodes use",
        )
    strange = sorted(set(own) - set(agreed))
    if strange:
        raise DataError(
            "Data must hold only classes that were agreed on when the node joined, and these hold others",
            fix="Start the search again, so that the new classes are agreed on, or take them out of the data",
            detail=", ".join(repr(name) for name in strange),
        )
    position = {name: number for number, name in enumerate(agreed)}
    return np.array([position[name] for name in own], dtype=np.int64)
