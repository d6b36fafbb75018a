"""allocbench: an honest A/B of one's own server over memory allocators. See tests/bench/README.md."""

VERSION = 1  # of what lies in a folder of results
