//! The environment as the facade read it, on JavaScript's thread, when the adapter was made.
//!
//! Nothing else here may read an environment variable: JavaScript changes `process.env` while other threads run, and
//! the C library's `getenv` reads freed memory when it meets such a change. `clippy.toml` forbids the ways to do so.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Variables by name. Not `Debug`, because one of them is a password.
#[derive(Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    pub fn read(json: &str) -> Self {
        Self(serde_json::from_str(json).unwrap_or_default())
    }

    /// An empty variable counts as one that is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Whether the variables name a host, a port, a user or a database.
    pub fn names_a_database(&self) -> bool {
        ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE"].iter().any(|name| self.get(name).is_some())
    }

    /// Where libpq looks for passwords.
    pub fn password_file(&self) -> Option<PathBuf> {
        self.path("PGPASSFILE").or_else(|| {
            if cfg!(windows) {
                self.path("APPDATA").map(|directory| directory.join("postgresql").join("pgpass.conf"))
            } else {
                self.path("HOME").map(|directory| directory.join(".pgpass"))
            }
        })
    }

    /// The system's directory for temporary files.
    pub fn temporary_directory(&self) -> PathBuf {
        self.path("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"))
    }

    /// Certificate authorities that Node.js trusts besides the system's.
    pub fn extra_authorities(&self) -> Option<PathBuf> {
        self.path("NODE_EXTRA_CA_CERTS")
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;
    use std::path::Path;

    #[test]
    fn the_password_file_is_in_the_home_directory_unless_pgpassfile_names_it() {
        let file = |json: &str| Environment::read(json).password_file();
        assert_eq!(file(r#"{"PGPASSFILE":"/f","HOME":"/h"}"#).as_deref(), Some(Path::new("/f")));
        assert_eq!(file("{}"), None);
        if cfg!(not(windows)) {
            assert_eq!(file(r#"{"PGPASSFILE":"","HOME":"/h"}"#).as_deref(), Some(Path::new("/h/.pgpass")));
        }
    }
}
