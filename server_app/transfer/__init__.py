"""What a trained network's weights are worth to another one; mathematics alone, of graphs and arrays.

channels    which channels stand for which, and how weights are shared out among copies
alignment   which node comes from which
tensors     how an operation's tensors are written from the old ones, and whether it does the same then
traces      what the values in the new network are in the old one
net2net     the whole
"""
