"""Mobile specs as anybody might write them."""

from __future__ import annotations

from hypothesis import strategies as st

from common.architecture.kinds.mobile import ACTIVATIONS, MobileSpec
from common.architecture.kinds.mobile_blocks import Block, Identity, InvertedResidual


def blocks() -> st.SearchStrategy[Block]:
    """Return what draws a block of few channels."""
    widths, strides = st.sampled_from((2, 3, 4)), st.integers(1, 2)
    return st.one_of(
        st.builds(Identity, widths, strides),
        st.builds(InvertedResidual, widths, strides, st.sampled_from((1, 3, 5)), st.integers(1, 3), st.booleans()),
    )


def mobile_specs() -> st.SearchStrategy[MobileSpec]:
    """Return what draws a spec."""
    return st.builds(
        MobileSpec,
        st.lists(blocks(), max_size=6).map(tuple),
        st.sampled_from((2, 3, 4)),
        st.integers(0, 2),
        st.sampled_from((0, 5)),
        st.sampled_from(ACTIVATIONS),
        st.sampled_from(("group", "batch")),
    )
