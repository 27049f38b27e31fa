"""The pure core: values in, values or errors out.

Imports no clock, dice, disk, network or logging; "now" and random bytes are arguments. Times are
``Instant`` (integer milliseconds since the Unix epoch, UTC), spans are integer milliseconds too: the one
unit that ids, rows and limit arithmetic share (docs/adr/0002).
"""
