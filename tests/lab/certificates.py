"""A certificate authority that is known to nobody but the lab."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.lab.ports import HOST

if TYPE_CHECKING:
    from pathlib import Path

_VALID = timedelta(days=365)
_CLOCK_SKEW = timedelta(days=1)


class Authority:
    """Issues certificates into a folder, as `<name>.crt` and `<name>.key` in PEM; its own is `ca.crt`."""

    def __init__(self, folder: Path) -> None:
        """Make the authority and write its certificate; its key exists only as long as this object."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("hedgehog-reconciler-lab")
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._sign(builder.add_extension(usage, critical=True), "ca")

    def issue_server(self, name: str) -> None:
        """A certificate for a server on loopback."""
        alternatives = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")])
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(HOST), key.public_key()).add_extension(alternatives, critical=False)
        self._sign(_for(builder, ExtendedKeyUsageOID.SERVER_AUTH), name)
        write_private_key(self._folder / f"{name}.key", key)

    def issue_client(self, name: str, *, group: str) -> None:
        """A certificate that a Kubernetes API server takes for the user `name` in `group`."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(name, group), key.public_key())
        self._sign(_for(builder, ExtendedKeyUsageOID.CLIENT_AUTH), name)
        write_private_key(self._folder / f"{name}.key", key)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + _VALID)
            # strict verifiers ask for both
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(identifier, critical=False)
        )

    def _sign(self, builder: x509.CertificateBuilder, name: str) -> None:
        certificate = builder.sign(self._key, hashes.SHA256())
        (self._folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def write_private_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    """Write an unencrypted key in PEM that only this user can read."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _for(builder: x509.CertificateBuilder, usage: x509.ObjectIdentifier) -> x509.CertificateBuilder:
    return builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
