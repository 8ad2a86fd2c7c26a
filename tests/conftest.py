"""One thread for torch, here and in all that is started from here: small models on busy cores crawl with more."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
