"""One connection: what is called in one turn of the loop leaves in pieces, and every answer finds its caller."""

from __future__ import annotations

from tests.support.listening import run
from tests.support.valkeys import one_server
from watchword.adapters.valkey import ValkeyAddress
from watchword.adapters.valkey.connection import PIECE
from watchword.adapters.valkey.link import Link


def test_a_large_turn_leaves_in_pieces_and_a_small_one_in_one() -> None:
    async def journey() -> None:
        (server,) = ValkeyAddress.parse(f"valkey://127.0.0.1:{one_server().port}").servers
        link = Link(server, tls=None, waiting=1_000)
        await link.open()
        for calls, writes in ((1, 1), (PIECE - 1, 1), (PIECE, 1), (PIECE + 1, 2), (4 * PIECE, 4), (5 * PIECE - 1, 5)):
            before = link.tally.batches
            asked = [link.command(b"ECHO", b"%d" % number) for number in range(calls)]
            assert [b"%d" % number for number in range(calls)] == [await each for each in asked]
            assert writes == link.tally.batches - before
        await link.aclose()

    run(journey)


def test_a_piece_is_on_its_way_before_the_turn_ends() -> None:
    async def journey() -> None:
        (server,) = ValkeyAddress.parse(f"valkey://127.0.0.1:{one_server().port}").servers
        link = Link(server, tls=None, waiting=1_000)
        await link.open()
        asked = [link.command(b"ECHO", b"x" * 100) for _ in range(PIECE)]
        connection = link._connection
        assert connection is not None
        assert 0 == connection._transport.get_write_buffer_size()
        assert [b"x" * 100] * PIECE == [await each for each in asked]
        await link.aclose()

    run(journey)
