"""Stores are waited for as in the contract: how long one waits for a server is tested elsewhere."""

from __future__ import annotations

from tests.contract.conftest import patient

__all__ = ["patient"]
