"""Certificates for relays in tests: one that is right, and each way of being wrong.

Every context is a server's and carries its own key. Only ``Authority.ca_file`` is what a client should trust.
"""

from __future__ import annotations

import datetime as dt
import ssl
import tempfile
import warnings
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LOCAL = ("localhost", "127.0.0.1", "::1")
_LONG_AGO = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)


class Authority:
    """A certificate authority of its own, whose certificate lies in ``folder`` as ``ca.pem``."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def valid(self) -> ssl.SSLContext:
        """Serve a certificate that is good for localhost and the loopback addresses."""
        return _serving(self._ca.issue_cert(*_LOCAL))

    def expired(self) -> ssl.SSLContext:
        """Serve a certificate that was good until 2001."""
        return _serving(self._ca.issue_cert(*_LOCAL, not_after=_LONG_AGO))

    def wrong_name(self) -> ssl.SSLContext:
        """Serve a certificate that is good, for another host."""
        return _serving(self._ca.issue_cert("elsewhere.test"))

    def files(self, *names: str) -> tuple[Path, Path]:
        """A certificate for these names, or for this machine, and its key, as files beside ``ca.pem``."""
        certificate = self._ca.issue_cert(*(names or _LOCAL))
        number = len(list(self.ca_file.parent.iterdir()))
        chain, key = (self.ca_file.with_name(f"server-{number}.{kind}") for kind in ("pem", "key"))
        chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(key)
        return chain, key

    def tls_1_1_only(self) -> ssl.SSLContext:
        """Serve the right certificate over nothing newer than TLS 1.1."""
        context = self.valid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # asking for TLS 1.1 is deprecated, rightly
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # OpenSSL 3 refuses TLS 1.1 above level 0
        return context


def self_signed() -> ssl.SSLContext:
    """Serve a certificate for localhost that nobody but itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_LONG_AGO)
        .not_valid_after(_LONG_AGO.replace(year=2999))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(chain)
    return context


def _serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
