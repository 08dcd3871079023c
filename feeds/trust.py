"""By what we know a peer's server, and by what it knows us: TLS 1.2 or later, and never without a check."""

import hashlib
import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cert.errors import PeerUnreachable, Phrase

_PIN = "no pin"


@dataclass(frozen=True, slots=True)
class Trust:
    """The certificates we trust a server by, the keys it may have, and the certificate we show it.

    Without `ca_file` the system's certificates are trusted. `pins` are SHA-256 fingerprints in base64 of public keys
    (SPKI, as in RFC 7469); with any, the server's own key must be one of them. Two at once let it change its key.
    """

    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    pins: frozenset[str] = frozenset()

    def stamp(self) -> tuple[Any, ...]:
        """What changes when one of the files does."""
        return tuple(_stamp(file) for file in (self.ca_file, self.client_cert_file, self.client_key_file) if file)

    def context(self) -> ssl.SSLContext:
        """How to speak TLS to that server. Raises `PeerUnreachable` for a file that cannot be used."""
        made = _Pinning(ssl.PROTOCOL_TLS_CLIENT)  # checks chain, dates and host name
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.pins = self.pins
        try:
            if self.ca_file:
                made.load_verify_locations(self.ca_file)
            else:
                made.load_default_certs()
            if self.client_cert_file:
                made.load_cert_chain(self.client_cert_file, self.client_key_file, password=lambda: "")
        except (OSError, ValueError) as fault:  # an SSLError is an OSError
            names = ", ".join(str(file) for file in (self.ca_file, self.client_cert_file, self.client_key_file) if file)
            raise PeerUnreachable(
                "the certificates or the key in %(files)s cannot be used: %(fault)s.", files=names, fault=fault
            ) from fault
        return made

    @staticmethod
    def reason(fault: Exception) -> Phrase:
        """That a certificate was not trusted, and why, if that can be told."""
        text = str(fault)
        if _PIN in text:
            return Phrase("its certificate is not one we trust: its key is none of those that `pins` names.")
        if found := text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]:
            return Phrase("its certificate is not one we trust: %(why)s.", {"why": found})
        return Phrase("its certificate is not one we trust.")


class _Pinning(ssl.SSLContext):
    """A context that lets no server through whose key is not pinned, before anything is said to it.

    `valid_until` is when the certificate that it last saw ends, in seconds since the epoch.
    """

    pins: frozenset[str] = frozenset()
    valid_until: float | None = None

    def wrap_socket(self, *args: Any, **more: Any) -> ssl.SSLSocket:
        made = super().wrap_socket(*args, **more)
        ends = (made.getpeercert() or {}).get("notAfter")
        self.valid_until = ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None
        if self.pins and pin(made.getpeercert(binary_form=True) or b"") not in self.pins:
            made.close()
            raise ssl.SSLError(_PIN)
        return made


def pin(certificate: bytes) -> str:
    """The pin of a certificate in DER: the SHA-256 of its public key (SPKI), in base64."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(hashlib.sha256(spki).digest()).decode()


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
