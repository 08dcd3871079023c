"""Certificates made on the spot: authorities, and what they vouch for."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from feeds.trust import pin


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pin(self) -> str:
        return pin(self.der)

    def write(self, folder: Path, name: str, password: bytes = b"") -> tuple[Path, Path]:
        """Write certificate and key as PEM; gives both paths."""
        cert, key = folder / f"{name}.pem", folder / f"{name}.key"
        cert.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        how = BestAvailableEncryption(password) if password else NoEncryption()
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
        return cert, key


@dataclass(frozen=True, slots=True)
class Authority:
    """Who vouches for others."""

    root: Issued

    def issue(self, host: str = "127.0.0.1", days: tuple[int, int] = (-1, 1)) -> Issued:
        """A certificate for a host, valid from and to so many days from today."""
        return _issue(host, days, self.root)


def authority(name: str = "Root") -> Authority:
    """A new authority."""
    return Authority(_issue(name, (-9, 9), None))


def self_signed() -> Issued:
    """A certificate for which nobody vouches."""
    return _issue("127.0.0.1", (-1, 1), None)


def tls(folder: Path, server: Issued, clients: Authority | None = None) -> ssl.SSLContext:
    """How a server with this certificate speaks TLS; with `clients`, only to those for whom that one vouches."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server.write(folder, "server"))
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.root.write(folder, "clients")[0])
    return context


def _issue(name: str, days: tuple[int, int], by: Issued | None) -> Issued:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    public = key.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if by:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
        made = made.add_extension(issuer, critical=False)
    if name[0].isdigit():
        made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
    else:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name.lower())]), critical=False)
    return Issued(made.sign(by.key if by else key, hashes.SHA256()), key)


IMPOSTORS: dict[str, Callable[[Authority], Issued]] = {
    "N2 wrong CA": lambda root: authority().issue(),
    "N2 wrong CA of the same name": lambda root: authority("Root").issue(),
    "TX-202 self-signed": lambda root: self_signed(),
    "N2 expired": lambda root: root.issue(days=(-2, -1)),
    "TX-202 not valid yet": lambda root: root.issue(days=(1, 2)),
    "N2 wrong host": lambda root: root.issue("127.0.0.2"),
    "N2 another nation's": lambda root: root.issue("taxii.cert.ca"),
}
"""Certificates of servers that are not the peer's, or not now."""
