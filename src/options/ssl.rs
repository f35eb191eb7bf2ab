//! Encryption: the option `ssl`, the URL's `sslmode` and its files, and the `PG*` variables, in this order.

use super::environment::Environment;
use super::given::{Pem, Ssl, SslOptions};
use super::url::{ConnectionUrl, fault};
use crate::db::tls::{Identity, Tls, Verification, system_roots};
use crate::error::{Error, Result};
use crate::input::Text;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// A PEM text, and its name in errors.
struct Source {
    pem: String,
    field: &'static str,
}

impl Source {
    fn option(pem: Option<Pem>, field: &'static str) -> Option<Self> {
        pem.map(|Pem(pem)| Self { pem, field })
    }

    /// Read once, when the adapter is made, as node-postgres does.
    fn file(path: Option<&str>, field: &'static str) -> Result<Option<Self>> {
        let Some(path) = path else { return Ok(None) };
        let pem = std::fs::read_to_string(path)
            .map_err(|error| Error::invalid_input(field, &format!("names a file that cannot be read: {error}")))?;
        Ok(Some(Self { pem, field }))
    }

    fn invalid(&self, reason: &str) -> Error {
        Error::invalid_input(self.field, reason)
    }
}

/// The result of the option, the URL and the variables: how connections are encrypted, or `None`, and warnings for the log.
pub fn read_tls(
    ssl: Option<Ssl>,
    url: &ConnectionUrl,
    environment: &Environment,
) -> Result<Option<(Tls, Vec<String>)>> {
    let roots_file = url.ssl_root_cert.as_deref().or_else(|| environment.get("PGSSLROOTCERT"));
    let (verification, given) = match ssl {
        Some(Ssl::Off) => return Ok(None),
        Some(Ssl::On(options)) if options.reject_unauthorized == Some(false) => (Verification::None, options),
        Some(Ssl::On(options)) => (Verification::Full, options),
        None => match read_mode(url, roots_file, environment)? {
            Some(verification) => (verification, SslOptions::default()),
            None if url.ssl_accept.as_deref() == Some("strict") => {
                return Err(fault("has sslaccept=strict, but no sslmode: use sslmode=verify-full"));
            }
            None => return Ok(None),
        },
    };
    let SslOptions { reject_unauthorized: _, ca, cert, key, passphrase: _, servername } = given;
    let uses_system = ca.is_none() && roots_file == Some("system");
    let roots = match Source::option(ca, "ssl.ca") {
        None if uses_system => None,
        None => Source::file(roots_file, "sslrootcert")?,
        given => given,
    };
    let cert_file = url.ssl_cert.as_deref().or_else(|| environment.get("PGSSLCERT"));
    let key_file = url.ssl_key.as_deref().or_else(|| environment.get("PGSSLKEY"));
    let (cert, key) = match (Source::option(cert, "ssl.cert"), Source::option(key, "ssl.key")) {
        (None, None) => (Source::file(cert_file, "sslcert")?, Source::file(key_file, "sslkey")?),
        given => given,
    };
    check_accept(url, verification)?;
    let (roots, warnings) = match roots {
        Some(roots) => (authorities(&roots)?, Vec::new()),
        None if verification == Verification::None => Default::default(),
        None => system_roots(environment.extra_authorities()),
    };
    let server_name = servername.map(|Text(name)| server_name(name)).transpose()?;
    Ok(Some((Tls { verification, roots, identity: identity(cert, key)?, server_name }, warnings)))
}

/// Reads `sslmode` as node-postgres does: every mode with encryption verifies the certificate and the host, except
/// `no-verify`. libpq's meanings are weaker, and are used only on request. Even then, as in node-postgres, `prefer` never
/// falls back to plain text. Source: node-postgres' pg-connection-string.
fn read_mode(url: &ConnectionUrl, roots_file: Option<&str>, environment: &Environment) -> Result<Option<Verification>> {
    let names_files = url.ssl_root_cert.is_some() || url.ssl_cert.is_some() || url.ssl_key.is_some();
    let (mode, uses_libpq_meanings) = match (url.ssl_mode.as_deref(), url.ssl.as_deref()) {
        (Some(mode), _) => (mode, url.uses_libpq_meanings),
        (None, _) if names_files => ("verify-full", false),
        (None, Some("true" | "1")) => ("verify-full", false),
        (None, Some("0")) => ("disable", false),
        (None, Some("no-verify")) => ("no-verify", false),
        (None, Some(_)) => return Err(fault("has an unknown `ssl`: use `sslmode`")),
        (None, None) => (environment.get("PGSSLMODE").unwrap_or("disable"), false),
    };
    let has_own_roots = roots_file.is_some_and(|file| file != "system");
    match mode {
        "disable" => Ok(None),
        "no-verify" => Ok(Some(Verification::None)),
        "allow" | "verify-full" => Ok(Some(Verification::Full)),
        // Any host on the internet can get a certificate of one of the system's authorities, so that the name has to be
        // verified. libpq demands this as well.
        "prefer" | "require" | "verify-ca" if !uses_libpq_meanings || roots_file == Some("system") => {
            Ok(Some(Verification::Full))
        }
        "prefer" => Ok(Some(Verification::None)),
        "require" if !has_own_roots => Ok(Some(Verification::None)),
        "require" | "verify-ca" if has_own_roots => Ok(Some(Verification::Authority)),
        "verify-ca" => Err(fault(
            "has sslmode=verify-ca with uselibpqcompat=true, which is only safe with an authority of your own: add sslrootcert, or use verify-full",
        )),
        _ => {
            let field = if url.ssl_mode.is_some() { "connectionString" } else { "PGSSLMODE" };
            Err(Error::invalid_input(
                field,
                "has an unknown sslmode: known are disable, prefer, require, verify-ca, verify-full and no-verify",
            ))
        }
    }
}

/// Prisma's `sslaccept`. It is not ignored if it asks for more than the other parameters.
fn check_accept(url: &ConnectionUrl, verification: Verification) -> Result<()> {
    match url.ssl_accept.as_deref() {
        None => Ok(()),
        Some("strict") if verification == Verification::Full => Ok(()),
        Some("strict") => {
            Err(fault("has sslaccept=strict, which needs a verified certificate: use sslmode=verify-full"))
        }
        Some(_) => Err(fault("has an unknown sslaccept: known are strict and accept_invalid_certs")),
    }
}

/// libpq's `channel_binding`, which ties the password exchange to the TLS connection. It is not supported here. If it is
/// required, the certificate has to be verified, which protects from impostors as well. Returns whether it was required.
pub fn check_channel_binding(url: &ConnectionUrl, environment: &Environment, tls: Option<&Tls>) -> Result<bool> {
    let (text, field) = match (url.channel_binding.as_deref(), environment.get("PGCHANNELBINDING")) {
        (Some(text), _) => (text, "connectionString"),
        (None, Some(text)) => (text, "PGCHANNELBINDING"),
        (None, None) => return Ok(false),
    };
    match text {
        "disable" | "prefer" => Ok(false),
        "require" if tls.is_some_and(|tls| tls.verification == Verification::Full) => Ok(true),
        "require" => Err(Error::invalid_input(
            field,
            "has channel_binding=require, which needs a verified certificate: use sslmode=verify-full",
        )),
        _ => Err(Error::invalid_input(field, "has an unknown channel_binding: known are disable, prefer and require")),
    }
}

fn server_name(name: String) -> Result<String> {
    match rustls::pki_types::ServerName::try_from(name.as_str()) {
        Ok(_) => Ok(name),
        Err(_) => Err(Error::invalid_input("ssl.servername", "must be a host name or an IP address")),
    }
}

fn authorities(source: &Source) -> Result<Arc<Vec<u8>>> {
    let mut store = rustls::RootCertStore::empty();
    for certificate in certificates(source)? {
        store.add(certificate).map_err(|_| source.invalid("holds a certificate that cannot be an authority's"))?;
    }
    Ok(Arc::new(source.pem.clone().into_bytes()))
}

fn certificates(source: &Source) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(source.pem.as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(source.invalid("must hold a certificate in PEM (-----BEGIN CERTIFICATE-----)")),
        Err(_) => Err(source.invalid("holds a certificate that is not valid PEM")),
    }
}

/// The client's certificate and its key. Both must be given, or neither, and they must belong together.
fn identity(cert: Option<Source>, key: Option<Source>) -> Result<Option<Identity>> {
    let (cert, key) = match (cert, key) {
        (None, None) => return Ok(None),
        (Some(cert), Some(key)) => (cert, key),
        (Some(cert), None) => return Err(cert.invalid("needs its key: give both")),
        (None, Some(key)) => return Err(key.invalid("needs its certificate: give both")),
    };
    let der = PrivateKeyDer::from_pem_slice(key.pem.as_bytes()).map_err(|_| {
        key.invalid(if key.pem.contains("ENCRYPTED") {
            "is encrypted: give it as `ssl.key`, with `ssl.passphrase`"
        } else {
            "must hold a private key in PEM (-----BEGIN PRIVATE KEY-----)"
        })
    })?;
    let chain = certificates(&cert)?;
    match rustls::sign::CertifiedKey::from_der(chain, der, &rustls::crypto::ring::default_provider()) {
        Ok(_) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Some(Identity { cert: cert.pem.into_bytes(), key: key.pem.into_bytes() }))
        }
        Err(rustls::Error::InconsistentKeys(_)) => Err(key.invalid("is not the key of the certificate")),
        Err(rustls::Error::InvalidCertificate(_)) => Err(cert.invalid("holds a certificate that cannot be read")),
        Err(_) => {
            Err(key.invalid("holds a key of a kind that is not supported: use RSA, ECDSA P-256, P-384 or Ed25519"))
        }
    }
}
