//! TLS: the authorities that are trusted, the client's own certificate, and why a connection failed.

use base64::Engine as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{AlertDescription, CertificateError};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What is checked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Nothing. This protects from eavesdroppers, but not from an impostor.
    None,
    /// That a trusted authority has signed it, for whatever name.
    Authority,
    /// That a trusted authority has signed it, and that it is for this host.
    Full,
}

#[derive(Clone)]
pub struct Tls {
    pub verification: Verification,
    /// The certificates of the only authorities that are trusted, in PEM. They are not used without a verification.
    pub roots: Arc<Vec<u8>>,
    pub identity: Option<Identity>,
    /// The name that the certificate must be for, if that is not the host's.
    pub server_name: Option<String>,
}

/// The client's certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    pub cert: Vec<u8>,
    pub key: Vec<u8>,
}

/// Shows neither certificates nor the key.
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
        Verification::Authority => options.ssl_mode(PgSslMode::VerifyCa).ssl_root_cert_from_pem(tls.roots.to_vec()),
        Verification::Full => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(tls.roots.to_vec()),
    };
    match &tls.identity {
        Some(Identity { cert, key }) => options.ssl_client_cert_from_pem(cert).ssl_client_key_from_pem(key),
        None => options,
    }
}

/// Certificates of authorities in PEM, and warnings for the log.
type Roots = (Arc<Vec<u8>>, Vec<String>);

/// The certificates of the system's authorities and of those in a further file. They are read once, on JavaScript's thread,
/// because the search for the system's certificates reads the environment.
pub fn system_roots(extra: Option<PathBuf>) -> Roots {
    static READ: Mutex<BTreeMap<Option<PathBuf>, Roots>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    read.entry(extra).or_insert_with_key(|extra| read_system_roots(extra.as_deref())).clone()
}

#[expect(clippy::disallowed_methods, reason = "runs on JavaScript's thread")]
fn read_system_roots(extra: Option<&Path>) -> Roots {
    let system = rustls_native_certs::load_native_certs();
    let mut warnings: Vec<_> = system
        .errors
        .iter()
        .map(|error| format!("the system's certificate authorities could not be read completely: {error}"))
        .collect();
    let mut certificates = system.certs;
    match extra.map(CertificateDer::pem_file_iter) {
        None => {}
        Some(Ok(extra)) => certificates.extend(extra.filter_map(Result::ok)),
        Some(Err(error)) => warnings.push(format!("NODE_EXTRA_CA_CERTS could not be read: {error}")),
    }
    let mut store = rustls::RootCertStore::empty();
    // With a certificate that rustls cannot use, every connection would fail.
    certificates.retain(|certificate| store.add(certificate.clone()).is_ok());
    let pem = certificates.iter().flat_map(|certificate| to_pem(certificate).into_bytes()).collect();
    (Arc::new(pem), warnings)
}

/// Writes a certificate as RFC 7468 describes it.
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
