"""Which modules are the units of a network: its activations, but for those that are gates."""

from __future__ import annotations

from common.architecture.operations.elementwise import GATES
from common.models.operations import ACTIVATIONS

UNITS = tuple(type(make()) for name, make in ACTIVATIONS.items() if name not in GATES)
"""Classes of torch."""
