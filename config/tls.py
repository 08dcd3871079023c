"""TLS as our own gunicorn ends it: 1.2 and 1.3 only, and a client certificate if the client has one to show."""

import hashlib
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cert.errors import Missing
from feeds.taxii.signin import CERTIFICATE

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption, which leaves out all that RFC 7540, appendix A, names."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate and key of a server, and the certificates by which it knows those of its clients."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None


def context(tls: Tls) -> ssl.SSLContext:
    """What every connection is made with. Raises `Missing`, naming the files, if they cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(CIPHERS)
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        made.load_cert_chain(tls.cert_file, tls.key_file)
        if tls.client_ca_file:
            made.load_verify_locations(tls.client_ca_file)
            made.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as fault:
        files = ", ".join(str(file) for file in (tls.cert_file, tls.key_file, tls.client_ca_file) if file)
        raise Missing("tls-files", f"The TLS files cannot be used ({fault}). Check them: {files}.") from fault
    return made


def with_certificate(app: Application) -> Application:
    """The same application, told by which certificate the client has signed in."""

    def told(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        line = environ.get("gunicorn.socket")
        shown = line.getpeercert(binary_form=True) if isinstance(line, ssl.SSLSocket) else None
        if shown:
            environ[CERTIFICATE] = hashlib.sha256(shown).digest()
        return app(environ, start)

    return told
