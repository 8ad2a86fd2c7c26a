"""What a search knows before its first trial: the trials of earlier runs, and specs with scores in a CSV file.

known.py    what is read of either
run.py      from the folder of a run
table.py    from a CSV file
prior.py    what of that concerns this search, as its controller sees it
"""
