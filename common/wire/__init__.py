"""The only readers and writers of what travels between the server and the nodes.

A message to a node (records of one `RecordDict`):

    header    ConfigRecord   protocol, version, digest                                      header.py
    call      ConfigRecord   nothing: who are you?                                          handshake.py
    question  ConfigRecord   dataset (JSON), seed: what do you have?                        handshake.py
    order     ConfigRecord   seed, budget, task (JSON, with the head), precision,           order.py
                             min_examples, dataset (JSON), what jobs share: specs[], trainings[] (JSON, each
                             once), bilevels[], personals[] (JSON, or null), and the columns with
                             one entry a job: job[] (its id), trial[], kind[], split[], round[], and
                             by number spec[], training[], arrays[] (which set), bilevel[], personal[]
    arrays    ArrayRecord    the sets of packed arrays, keyed by set and name: 3/weights    arrays.py

Its reply:

    header    ConfigRecord   protocol, version, digest                                      header.py
    refusal   ConfigRecord   reason, where the message cannot be served at all              header.py
    limits    ConfigRecord   the node's limits, those that are set                          header.py
    name      ConfigRecord   name                                                           handshake.py
    report    ConfigRecord   node (JSON)                                                    handshake.py
    results   ConfigRecord   the columns job[] (its id), status[], reason[]                 results.py
    metrics   MetricRecord   the columns num-examples[], seconds[] and one for each metric
    arrays    ArrayRecord    the sets of those that trained, keyed by row and name          arrays.py

The ids of jobs differ within a message; a trial may have several jobs in it, and those that start from the same
arrays share one set. A proxy job has none, so that a message may hold hundreds of them. Nothing here is pickled; arrays
travel as flwr Arrays, specs and settings as JSON. What arrives is measured before it is parsed, and a job's arrays are
looked at last: a spec that the node cannot hold costs it nothing.
"""
