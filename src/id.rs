//! Identifiers and secrets: the only place that draws randomness.

#![allow(clippy::disallowed_methods, reason = "this is the place")]

use uuid::Uuid;

/// A random id (UUIDv4), for what a client may hold as a secret handle: it tells nothing about its neighbours.
pub fn secret_handle() -> String {
    Uuid::new_v4().to_string()
}

/// An id that sorts by time (UUIDv7), for everything else: new rows land side by side in the index.
pub fn sortable() -> String {
    Uuid::now_v7().to_string()
}

/// 64 hexadecimal digits from the system's generator.
pub fn secret_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An index into so many items, 0 if there are none. It need not be secret.
pub fn random_index(count: usize) -> usize {
    let (number, ..) = Uuid::new_v4().as_fields();
    usize::try_from(number).unwrap_or(0) % count.max(1)
}

/// From 0 up to 1, for jitter: it need not be secret, only different in each process.
pub fn random_share() -> f64 {
    let (number, ..) = Uuid::new_v4().as_fields();
    f64::from(number) / f64::from(u32::MAX)
}
