//! Parameters of a connection URL that mean something to libpq, to hosted databases or to other drivers, and nothing
//! here. Ignoring one is either harmless, or it would weaken what the caller asked for.
//!
//! Sources: "Parameter Key Words" of libpq's documentation, and the connection strings that Neon, Supabase, Vercel
//! and Prisma hand out.

use super::environment::Environment;
use crate::error::{Error, Result};

/// What happens to a parameter that has no effect here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is ignored, with this remark if there is something to say.
    Ignored(Option<&'static str>),
    /// Ignoring it would be wrong; the text says what to do instead.
    Refused(&'static str),
}

/// Returns `None` if the name is not known.
pub fn fate_of(name: &str, value: &str) -> Option<Fate> {
    use Fate::{Ignored, Refused};
    let is_on = matches!(value, "1" | "true" | "on" | "yes");
    Some(match name {
        "keepalives_idle" | "keepalives_interval" | "keepalives_count" | "tcp_user_timeout" => {
            Ignored(Some("the system's settings hold"))
        }
        "load_balance_hosts" if value == "random" => Ignored(Some("hosts are tried in the order in which they stand")),
        "client_encoding" if !is_utf8(value) => Ignored(Some("it is always UTF8")),
        "sslnegotiation" if value == "direct" => Ignored(Some("TLS is negotiated as libpq does by default")),
        "client_encoding" | "load_balance_hosts" | "sslnegotiation" => Ignored(None),
        "gssencmode" if value == "require" => Refused("is not supported: use TLS, with sslmode=verify-full"),
        "gssencmode" | "gssdelegation" | "gsslib" | "krbsrvname" => Ignored(Some("GSSAPI is not supported")),
        "sslsni" => Ignored(Some("the name of the host is always sent")),
        "sslcompression" | "ssl_max_protocol_version" | "min_protocol_version" | "max_protocol_version" => {
            Ignored(None)
        }
        "ssl_min_protocol_version" if value == "TLSv1.3" => {
            Refused("is not supported: TLS 1.2 and 1.3 are spoken, so set the limit on the server")
        }
        "ssl_min_protocol_version" => Ignored(Some("TLS 1.2 is the least")),
        "sslcertmode" if value == "require" => Refused("is not supported: demand the certificate on the server"),
        "sslcertmode" => Ignored(None),
        "requiressl" if is_on => Refused("is not supported: use sslmode=require"),
        "requiressl" => Ignored(None),
        "sslcrl" | "sslcrldir" => Refused("is not supported: lists of revoked certificates are not read"),
        "requirepeer" => Refused("is not supported: the owner of a Unix socket is not checked"),
        "require_auth" => Refused("is not supported: demand the method in the server's pg_hba.conf"),
        "hostaddr" => {
            Refused("is not supported: give the address as `host`, and the certificate's name as `ssl.servername`")
        }
        "service" => Refused("is not supported: give `host`, `port`, `user` and `database`"),
        "replication" => Refused("is not supported"),
        "sslpassword" => Refused("is not supported here: give the key as `ssl.key`, with `ssl.passphrase`"),
        // Prisma's.
        "sslidentity" => Refused("is not supported: give the certificate as `ssl.cert`, and its key as `ssl.key`"),
        "statement_cache_size" | "single_use_connections" => Ignored(None),
        "socket_timeout" => Ignored(Some("statementTimeoutMs limits each statement, query_timeout each call")),
        // Vercel's and Supabase's.
        "supa" | "workaround" => Ignored(None),
        _ => return None,
    })
}

fn is_utf8(encoding: &str) -> bool {
    let plain: String = encoding.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    matches!(plain.as_str(), "utf8" | "unicode" | "auto")
}

/// libpq's variables that would weaken the connection if they were ignored, and the parameters whose meaning they have.
const STRICT_VARIABLES: [(&str, &str); 8] = [
    ("PGGSSENCMODE", "gssencmode"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGREQUIRESSL", "requiressl"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
];

pub fn check_variables(environment: &Environment) -> Result<()> {
    for (variable, parameter) in STRICT_VARIABLES {
        let fate = environment.get(variable).and_then(|value| fate_of(parameter, value));
        if let Some(Fate::Refused(reason)) = fate {
            return Err(Error::invalid_input(variable, reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Environment, Fate, STRICT_VARIABLES, check_variables, fate_of};

    #[test]
    fn ignores_what_is_harmless_and_refuses_what_would_weaken() {
        for (name, value) in [("gssencmode", "prefer"), ("sslnegotiation", "direct"), ("client_encoding", "LATIN1")] {
            assert!(matches!(fate_of(name, value), Some(Fate::Ignored(_))), "{name}");
        }
        for (name, value) in [("gssencmode", "require"), ("sslcrl", "/f"), ("ssl_min_protocol_version", "TLSv1.3")] {
            assert!(matches!(fate_of(name, value), Some(Fate::Refused(_))), "{name}");
        }
        assert_eq!(fate_of("anything", ""), None);
    }

    #[test]
    fn refuses_the_same_by_variables() {
        let check = |json: &str| check_variables(&Environment::read(json)).err().map(|error| error.context.field);
        assert_eq!(check(r#"{"PGREQUIREAUTH":"scram-sha-256"}"#), Some(Some("PGREQUIREAUTH".to_owned())));
        assert_eq!(check(r#"{"PGGSSENCMODE":"prefer","PGCLIENTENCODING":"LATIN1"}"#), None);
        for (variable, parameter) in STRICT_VARIABLES {
            assert!(fate_of(parameter, "").is_some(), "{variable}");
        }
    }
}
