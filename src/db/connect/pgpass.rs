//! The file of passwords that libpq and node-postgres look into, `~/.pgpass`, where no other password is given.
//! Source: "The Password File" in PostgreSQL's documentation.

use super::host::Host;
use std::path::Path;

/// The password of the first line that matches.
pub fn look_up(path: &Path, host: &Host, user: &str, database: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    if is_readable_by_others(path) {
        tracing::warn!(path = %path.display(), "the password file is not used: others can read it");
        return None;
    }
    // A Unix socket is written as localhost.
    let host_name = if host.name.starts_with('/') { "localhost" } else { &host.name };
    let port = host.port.to_string();
    let wanted = [host_name, &port, database, user];
    text.lines().find_map(|line| password_of(line, &wanted))
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}

/// `host:port:database:user:password`, where `*` is anything and a backslash takes the next character as it is.
fn password_of(line: &str, wanted: &[&str; 4]) -> Option<String> {
    let line = line.trim_end_matches('\r');
    if line.starts_with('#') {
        return None;
    }
    let mut fields = vec![(String::new(), false)];
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        // The password is the rest of the line, colons included.
        let is_password = fields.len() > wanted.len();
        let (field, is_escaped) = fields.last_mut()?;
        match char {
            '\\' => {
                *is_escaped = true;
                field.extend(chars.next());
            }
            ':' if !is_password => fields.push((String::new(), false)),
            other => field.push(other),
        }
    }
    let (password, _) = fields.get(wanted.len())?;
    let fits =
        fields.iter().zip(wanted).all(|((field, is_escaped), wanted)| field == wanted || (field == "*" && !is_escaped));
    fits.then(|| password.clone())
}

#[cfg(test)]
mod tests {
    use super::password_of;

    #[test]
    fn finds_the_password_of_a_line() {
        let wanted = ["::1", "5432", "d", "u"];
        for (line, password) in [
            ("*:*:*:*:secret", Some("secret")),
            (r"\:\:1:5432:d:u:a\:b:c\\d", Some(r"a:b:c\d")),
            ("*:5432:*:u:x\r", Some("x")),
            ("*:5433:*:u:x", None),
            (r"\*:*:*:*:x", None),
            ("#*:*:*:*:x", None),
            ("*:*:*:*", None),
            ("", None),
        ] {
            assert_eq!(password_of(line, &wanted).as_deref(), password, "{line}");
        }
    }
}
