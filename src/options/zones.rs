//! The option `legacyTimeZone`: a name for both clocks, or one for each.

use crate::db::Zones;
use crate::error::Result;
use crate::input::{Input, Key, Path, input};
use serde_json::value::RawValue;

input! {
    /// The time zones of the two clocks that wrote a database of version 3.x, by IANA name (`Europe/Berlin`).
    LegacyTimeZones {
        /// The time zone of the server, whose `now()` wrote `createdAt` and similar times.
        server "server": Key,
        /// The time zone of the Node.js processes, which wrote `expiresAt` and similar times.
        client "client": Key,
    }
}

/// A string, or [`LegacyTimeZones`].
#[derive(Debug, Clone)]
pub struct LegacyTimeZone(pub Zones);

impl Input for LegacyTimeZone {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        if json.is_some_and(|json| json.get().starts_with('"')) {
            let Key(zone) = Key::read(json, path)?;
            return Ok(Self(Zones { server: zone.clone(), client: zone }));
        }
        if json.is_none_or(|json| !json.get().starts_with('{')) {
            return Err(path.invalid("must be the name of a time zone, or {server, client}"));
        }
        let LegacyTimeZones { server: Key(server), client: Key(client) } = LegacyTimeZones::read(json, path)?;
        Ok(Self(Zones { server, client }))
    }
}

#[cfg(test)]
mod tests {
    use super::{LegacyTimeZone, Zones};

    #[test]
    fn reads_one_zone_or_two() {
        let zones = |server: &str, client: &str| Some(Zones { server: server.to_owned(), client: client.to_owned() });
        for (json, expected) in [
            (r#""Europe/Berlin""#, zones("Europe/Berlin", "Europe/Berlin")),
            (r#"{"server":"UTC","client":"Asia/Tokyo"}"#, zones("UTC", "Asia/Tokyo")),
            (r#"{"server":"UTC"}"#, None),
            (r#"{"server":"UTC","client":"UTC","node":"UTC"}"#, None),
            (r#""""#, None),
            ("true", None),
        ] {
            let read = crate::input::parse::<LegacyTimeZone>(json, "legacyTimeZone");
            assert_eq!(read.ok().map(|LegacyTimeZone(zones)| zones), expected, "{json}");
        }
    }
}
