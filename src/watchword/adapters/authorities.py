"""A file of authorities that an operator named and that is of no use: why.

Not handled here: what is trusted (each adapter's ``client_tls``).
"""

from __future__ import annotations

import ssl


def why_useless(error: OSError) -> str:
    """The system's word where the file cannot be read, else that no certificate is in it."""
    return "holds no certificate" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
