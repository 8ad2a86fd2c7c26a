"""One network of which all trials are parts.

blocks    which parts of which shared tensors a network is made of
shared    the shared tensors: a network is cut out of them, and what became of it is merged
paths     which networks train in a round of the warm-up
file      the shared tensors after a run
"""
