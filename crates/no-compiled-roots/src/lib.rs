//! Stands in for the crate of the same name, which compiles Mozilla's certificate authorities in. sqlx adds
//! those to the ones it is given, so that a given authority would not replace them: here there are none, and
//! `db::tls` gives sqlx the whole list.

use pki_types::TrustAnchor;

pub static TLS_SERVER_ROOTS: &[TrustAnchor<'static>] = &[];
