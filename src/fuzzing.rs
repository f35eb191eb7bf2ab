//! The functions that the fuzzers in `fuzz/` call. They cover everything that reads what a caller passes in. Each function
//! takes any bytes, and panics if a rule is broken. `cargo test` calls them with the stored corpus.

use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::input::{Input, JsonObject, Key, Text, parse};
use crate::options::{Environment, Options};
use crate::store::api_keys::{ApiKeyInput, ApiKeyPatch};
use crate::store::backup_codes::BackupCodeOrText;
use crate::store::email_tokens::EmailVerificationTokenInput;
use crate::store::events::EventInput;
use crate::store::oauth_links::OAuthLinkInput;
use crate::store::organizations::{OrganizationInput, OrganizationPatch};
use crate::store::roles::{RoleInput, RolePatch};
use crate::store::sessions::{SessionInput, SessionPatch};
use crate::store::two_factor_devices::{TwoFactorDeviceInput, TwoFactorDevicePatch};
use crate::store::two_factor_sessions::TwoFactorSessionInput;
use crate::store::users::{UserInput, UserPatch};
use futures_core::future::BoxFuture;
use std::sync::Arc;

/// The first byte of `data` chooses the type of an argument. The rest is its JSON text.
pub fn arguments(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let read: fn(&str) -> Result<()> = match choice % 18 {
        0 => read_as::<UserInput>,
        1 => read_as::<UserPatch>,
        2 => read_as::<OAuthLinkInput>,
        3 => read_as::<SessionInput>,
        4 => read_as::<SessionPatch>,
        5 => read_as::<ApiKeyInput>,
        6 => read_as::<ApiKeyPatch>,
        7 => read_as::<OrganizationInput>,
        8 => read_as::<OrganizationPatch>,
        9 => read_as::<EmailVerificationTokenInput>,
        10 => read_as::<EventInput>,
        11 => read_as::<RoleInput>,
        12 => read_as::<RolePatch>,
        13 => read_as::<TwoFactorDeviceInput>,
        14 => read_as::<TwoFactorDevicePatch>,
        15 => read_as::<TwoFactorSessionInput>,
        16 => read_as::<Vec<BackupCodeOrText>>,
        _ => |text| {
            strings_can_be_stored(text);
            Ok(())
        },
    };
    if let Err(error) = read(text) {
        names_its_field(&error);
    }
}

fn read_as<T: Input>(text: &str) -> Result<()> {
    parse::<T>(text, "argument").map(drop)
}

fn strings_can_be_stored(text: &str) {
    if let Ok(Text(text)) = parse::<Text>(text, "text") {
        assert!(!text.contains('\0'), "PostgreSQL stores no NUL");
    }
    if let Ok(Key(key)) = parse::<Key>(text, "key") {
        assert!((1..=1024).contains(&key.len()), "an index entry must fit");
    }
    if let Ok(JsonObject(json)) = parse::<JsonObject>(text, "json") {
        assert!(json.get().starts_with('{'), "an object was asked for");
    }
}

/// `data` is a URL, a line break, and the options as JSON.
pub fn options(data: &[u8]) {
    const PASSWORD: &str = "correct-horse-battery-staple";
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ask = Arc::new(|| -> BoxFuture<'static, Result<String>> { Box::pin(async { Ok(String::new()) }) });
    let (url, json) = text.split_once('\n').unwrap_or((text, "{}"));
    let url = url.replacen("PASSWORD", PASSWORD, 1);
    let said = match Options::read(&url, json, &Environment::default(), ask) {
        Ok(options) => format!("{options:?}"),
        Err(error) => {
            names_its_field(&error);
            format!("{error:?}")
        }
    };
    // The word may stand anywhere in the input. It is a secret only where the URL has its password.
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let count = url.matches(PASSWORD).count() + json.matches(PASSWORD).count();
    if authority.contains(&format!(":{PASSWORD}@")) && count == 1 {
        assert!(!said.contains(PASSWORD), "the password was shown");
    }
}

/// A timestamp is written so that reading it again gives the same timestamp.
pub fn timestamps(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time), "{text} became {time}");
    }
}

fn names_its_field(error: &Error) {
    assert_eq!(error.code, Code::InvalidInput, "{error}");
    assert!(error.context.field.as_deref().is_some_and(|field| !field.is_empty()), "{error}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn holds_for_all_of_the_corpus() {
        for (name, target) in [
            ("arguments", super::arguments as fn(&[u8])),
            ("options", super::options),
            ("timestamps", super::timestamps),
        ] {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
            let mut count = 0;
            for entry in std::fs::read_dir(&directory).unwrap() {
                target(&std::fs::read(entry.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count > 0, "no corpus for {name}");
        }
    }
}
