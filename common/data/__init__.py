"""Data sets, partitions and splits.

The whole of it for a caller::

    load_node_data(settings, holder, seed) -> NodeData      # train, validation, task
    load_node_test(settings, holder, seed) -> Examples | None
    load_server_test(settings, seed) -> TestSet | None
"""
