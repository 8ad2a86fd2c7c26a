"""Random search.

L. Li and A. Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019:
the baseline that every other controller has to beat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server_app.controllers.base import Controller, Suggestion

if TYPE_CHECKING:
    import numpy as np


class Random(Controller):
    """Draws every proposal from the space, whatever was observed."""

    def suggest(self, rng: np.random.Generator) -> Suggestion:
        """Return something random."""
        return Suggestion(self.space.sample(rng), "sample")
