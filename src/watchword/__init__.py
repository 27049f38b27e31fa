"""Watchword hands people short-lived secrets properly.

Start with ``watchword.client`` to use a running service, with ``docs/README.md`` to run one, and with
``bootstrap`` to see how everything is put together.
"""
