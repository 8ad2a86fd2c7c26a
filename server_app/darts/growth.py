"""What was found in a small network becomes larger, up to what the search itself asked of the nodes.

H. Liu et al., "DARTS", ICLR 2019, section 3, look for cells in a network of 8 cells and 16 channels, and try them in
one of 20 cells and 36 channels: a mixed network has all options at once, so it is kept small. Here each size rises by
one step that the space offers, in turn, as long as the network stays legal and has no more MACs than the network of all
options had: that is what the nodes have shown they can train, and the final training takes no longer a round than the
search did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.architecture.spec import ArchitectureSpec
    from server_app.spaces.base import SearchSpace


def grown(spec: ArchitectureSpec, space: SearchSpace) -> ArchitectureSpec:
    """Return the network of the same operations that no size could make larger, and still legal and no dearer.

    Parameters
    ----------
    spec : ArchitectureSpec
        Legal.
    space : SearchSpace
        Which sizes there are, what is legal, and what a network of all options costs.
    """
    most = space.cost(space.mixed()).macs
    done: set[int] = set()
    sizes = len(space.larger(spec))
    while len(done) < sizes:
        for size in range(sizes):
            larger = None if size in done else space.larger(spec)[size]
            if larger is not None and space.contains(larger) and space.cost(larger).macs <= most:
                spec = larger
            else:
                done.add(size)
    return spec
