"""The statistics that nodes can be asked for, by name."""

from __future__ import annotations

from typing import Any

from common.preprocessing.base import Statistic
from common.preprocessing.quantiles import Quantiles
from common.preprocessing.scaling import Moments

STATISTICS: dict[str, Statistic[Any]] = {Moments.name: Moments(), Quantiles.name: Quantiles()}
