//! TLS: which authorities are trusted, who we are, and what was wrong when it failed.

use base64::Engine as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{AlertDescription, CertificateError};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::sync::LazyLock;

/// What must hold of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Nothing: an eavesdropper is kept out, an impostor is not.
    None,
    /// It comes from a trusted authority, whatever its name.
    Authority,
    /// It comes from a trusted authority and is for this host.
    Full,
}

#[derive(Clone)]
pub struct Tls {
    pub verification: Verification,
    /// The only authorities to trust, in PEM. `None` are the system's.
    pub roots: Option<Vec<u8>>,
    pub identity: Option<Identity>,
    /// What the certificate must be for, if not for the host.
    pub server_name: Option<String>,
}

/// Our own certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    pub cert: Vec<u8>,
    pub key: Vec<u8>,
}

/// Without the key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls")
            .field("verification", &self.verification)
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

/// The part of a connection's options that is about encryption.
pub fn configure(options: PgConnectOptions, tls: Option<&Tls>) -> PgConnectOptions {
    let Some(tls) = tls else { return options.ssl_mode(PgSslMode::Disable) };
    let options = match tls.verification {
        Verification::None => options.ssl_mode(PgSslMode::Require),
        Verification::Authority => options.ssl_mode(PgSslMode::VerifyCa).ssl_root_cert_from_pem(roots(tls)),
        Verification::Full => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(roots(tls)),
    };
    match &tls.identity {
        Some(Identity { cert, key }) => options.ssl_client_cert_from_pem(cert).ssl_client_key_from_pem(key),
        None => options,
    }
}

fn roots(tls: &Tls) -> Vec<u8> {
    tls.roots.clone().unwrap_or_else(|| SYSTEM_ROOTS.clone())
}

/// The system's authorities, and those of `NODE_EXTRA_CA_CERTS`, as Node trusts them. Read once.
static SYSTEM_ROOTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "the system's certificate authorities could not be read completely");
    }
    let mut certificates = system.certs;
    if let Some(path) = std::env::var_os("NODE_EXTRA_CA_CERTS") {
        match CertificateDer::pem_file_iter(path) {
            Ok(extra) => certificates.extend(extra.filter_map(Result::ok)),
            Err(error) => tracing::warn!(%error, "NODE_EXTRA_CA_CERTS could not be read"),
        }
    }
    let mut store = rustls::RootCertStore::empty();
    // One that cannot be used would spoil every connection.
    certificates.retain(|certificate| store.add(certificate.clone()).is_ok());
    certificates.iter().flat_map(|certificate| to_pem(certificate).into_bytes()).collect()
});

/// RFC 7468.
fn to_pem(certificate: &CertificateDer<'_>) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (at, char) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(char);
    }
    pem + "\n-----END CERTIFICATE-----\n"
}

/// What was wrong, in words, and the code that Node has for it.
pub fn explain(error: &rustls::Error) -> (&'static str, Option<&'static str>) {
    match error {
        rustls::Error::InvalidCertificate(fault) => explain_certificate(fault),
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => ("the server asks for a client certificate", None),
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => ("the server refused the client certificate", None),
            _ => ("the server broke off the TLS handshake", None),
        },
        rustls::Error::PeerIncompatible(_) => ("the server offers no version or cipher of TLS that is safe", None),
        _ => ("the TLS handshake failed", None),
    }
}

fn explain_certificate(fault: &CertificateError) -> (&'static str, Option<&'static str>) {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the server's certificate has expired", Some("CERT_HAS_EXPIRED"))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the server's certificate is not valid yet", Some("CERT_NOT_YET_VALID"))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            ("the server's certificate is for another host name", Some("ERR_TLS_CERT_ALTNAME_INVALID"))
        }
        CertificateError::UnknownIssuer => (
            "the server's certificate comes from an authority that is not trusted: give it as `ssl.ca` or `sslrootcert`",
            Some("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
        ),
        CertificateError::Revoked => ("the server's certificate has been revoked", Some("CERT_REVOKED")),
        CertificateError::BadSignature => {
            ("the server's certificate has a wrong signature", Some("CERT_SIGNATURE_FAILURE"))
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            ("the server's certificate is not meant for servers", Some("INVALID_PURPOSE"))
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            ("the server shows the certificate of an authority (CA:TRUE): issue it one for a server", None)
        }
        _ => ("the server's certificate cannot be accepted", None),
    }
}

#[cfg(test)]
mod tests {
    /// sqlx trusts these besides what it is given: `crates/no-compiled-roots` must be what it is built with.
    #[test]
    fn nothing_is_trusted_but_what_is_given() {
        let lock = include_str!("../../Cargo.lock");
        let packages: Vec<&str> =
            lock.split("[[package]]").filter(|package| package.contains("\"webpki-roots\"")).collect();
        let own: Vec<&&str> = packages.iter().filter(|package| package.contains("name = \"webpki-roots\"")).collect();
        assert_eq!(own.len(), 1);
        assert!(!own[0].contains("source ="), "{}", own[0]);
    }
}
