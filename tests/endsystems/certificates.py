"""Certificates made for one test: an authority, and what a server can show of it that is right or wrong."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


USAGE_OF_AUTHORITY, USAGE_OF_SERVER = _usage(signs_certificates=True), _usage(signs_certificates=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates, and keeps its own in a file that a client can trust."""

    folder: Path
    key: EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def server(self, host: str = "localhost", *, until: datetime = NOW + DAY) -> ssl.SSLContext:
        """A server's side with a certificate of this authority."""
        key = generate_private_key(SECP256R1())
        return _server_side(self.folder / "server.pem", key, _certificate(host, key, self.key, "authority", until))

    def wanting_clients(self) -> ssl.SSLContext:
        """A server's side that talks only to clients with a certificate of this authority."""
        tls = self.server()
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(self.file)
        return tls

    def client(self, *, password: str | None = None) -> tuple[Path, Path]:
        """The files of a client's certificate and of its key."""
        key = generate_private_key(SECP256R1())
        shown, secret = self.folder / "client.pem", self.folder / "client.key"
        shown.write_bytes(
            _certificate("connector", key, self.key, "authority", NOW + DAY).public_bytes(serialization.Encoding.PEM)
        )
        secret.write_bytes(_private(key, password))
        return shown, secret


def authority(folder: Path) -> Authority:
    key = generate_private_key(SECP256R1())
    certificate = _certificate("authority", key, key, "authority", NOW + DAY, is_authority=True)
    made = Authority(folder, key, certificate)
    made.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return made


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's side with a certificate that nobody vouches for."""
    key = generate_private_key(SECP256R1())
    return _server_side(folder / "self.pem", key, _certificate("localhost", key, key, "localhost", NOW + DAY))


def _certificate(
    host: str,
    key: EllipticCurvePrivateKey,
    signer: EllipticCurvePrivateKey,
    issuer: str,
    until: datetime,
    *,
    is_authority: bool = False,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(host))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 10 * DAY)
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(USAGE_OF_AUTHORITY if is_authority else USAGE_OF_SERVER, critical=True)
        .sign(signer, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _server_side(file: Path, key: EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
    file.write_bytes(_private(key) + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _private(key: EllipticCurvePrivateKey, password: str | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
