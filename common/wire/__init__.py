"""The only readers and writers of what travels between the server and the nodes.

A message to a node (records of one `RecordDict`):

    header    ConfigRecord   protocol, version, digest                                      header.py
    call      ConfigRecord   nothing: who are you?                                          handshake.py
    question  ConfigRecord   dataset (JSON), seed: what do you have?                        handshake.py
    order     ConfigRecord   seed, budget, task, classes, precision, dataset and training   order.py
                             (JSON), specs[] (JSON), and the columns trial[], action[],
                             round[], spec[] (which of specs) with one entry a job
    weights   ArrayRecord    one packed array a job, keyed by the trial

Its reply:

    header    ConfigRecord   protocol, version, digest                                      header.py
    refusal   ConfigRecord   reason, where the message cannot be served at all              header.py
    limits    ConfigRecord   the node's limits, those that are set                          header.py
    name      ConfigRecord   name                                                           handshake.py
    report    ConfigRecord   node (JSON)                                                    handshake.py
    results   ConfigRecord   the columns trial[], action[], round[], status[], reason[]     results.py
    metrics   MetricRecord   the columns num-examples[], seconds[] and one for each metric
    updates   ArrayRecord    one packed array for each job that trained

Nothing here is pickled; arrays travel as flwr Arrays, specs and settings as JSON. What arrives is measured before it
is parsed, and a job's weights are looked at last: a spec that the node cannot hold costs it nothing.
"""
