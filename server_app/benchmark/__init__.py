"""Controllers judged on a table of evaluated architectures: no Flower, no training, seconds instead of days.

settings.py      what is compared, from what people typed
drive.py         one controller, one seed
runs.py          all of them, in parallel
statistics.py    regrets summed up, and compared in pairs
record.py        what is left behind as JSON
picture.py       the curves
"""
