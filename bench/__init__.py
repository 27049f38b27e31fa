"""The benchmark: ``make bench`` measures the service on this machine and writes ``bench/RESULTS.md``."""
