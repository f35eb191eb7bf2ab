//! Reading what a caller hands over: JSON text becomes types that cannot hold nonsense,
//! or an `auth_postgres/invalid_input` that names the field.

mod natural;
mod secret;

pub use natural::Natural;
pub use secret::Secret;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Ids, e-mails, hashes and the like are at most this many bytes of UTF-8: an index entry must fit.
pub const MAX_KEY_BYTES: usize = 1024;

/// One argument may be this long as JSON text: what is beyond it is a mistake, and would only fail later.
const MAX_ARGUMENT_BYTES: usize = 32 << 20;

/// JSON may nest this deep: PostgreSQL parses it recursively, in a stack of limited size.
const MAX_DEPTH: usize = 512;

/// A value that can be read from JSON. `json` is `None` where the key is absent; `path` names it in errors.
pub trait Input: Sized {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self>;
}

/// Where a value stands: `email`, `members[2].role`. Its name is made when it is asked for: errors do.
#[derive(Debug, Clone, Copy)]
pub enum Path<'p> {
    Argument(&'p str),
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    pub fn member(&'p self, key: &'p str) -> Self {
        Self::Member(self, key)
    }

    pub fn name(&self) -> String {
        match self {
            Self::Argument(name) => (*name).to_owned(),
            // An argument's own name is no part of its fields' names: `email`, not `user.email`.
            Self::Member(Path::Argument(_), key) => (*key).to_owned(),
            Self::Member(object, key) => format!("{}.{key}", object.name()),
            Self::Item(array, at) => format!("{}[{at}]", array.name()),
        }
    }

    pub fn invalid(&self, reason: &str) -> Error {
        Error::invalid_input(self.name(), reason)
    }
}

/// Parses the text that the facade made of one argument.
pub fn parse<T: Input>(text: &str, argument: &str) -> Result<T> {
    let path = Path::Argument(argument);
    if text.len() > MAX_ARGUMENT_BYTES {
        return Err(path.invalid("must be at most 32 MiB as JSON"));
    }
    let json: &RawValue = serde_json::from_str(text).map_err(|_| path.invalid("is not valid JSON"))?;
    T::read(Some(json), &path)
}

/// Any string that PostgreSQL can store.
#[derive(Debug, Clone, serde::Serialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct Text(pub String);

/// A non-empty string of at most [`MAX_KEY_BYTES`]: an id, an e-mail, a hash, a provider …
#[derive(Debug, Clone, sqlx::Type)]
#[sqlx(transparent)]
pub struct Key(pub String);

/// A JSON object, kept as text: what is in it is the caller's.
#[derive(Debug, Clone)]
pub struct JsonObject(pub Box<RawValue>);

/// A JSON object whose values are strings.
#[derive(Debug, Clone)]
pub struct StringMap(pub JsonObject);

/// A field that the store keeps itself: accepted, so that a whole record can be passed back, and ignored.
#[derive(Debug, Clone)]
pub struct Ours;

/// One field of an update: leave it, clear it, or set it.
#[derive(Debug, Clone)]
pub enum Patch<T> {
    Keep,
    Clear,
    Set(T),
}

/// One field of an update that cannot be cleared.
#[derive(Debug, Clone)]
pub struct Change<T>(pub Option<T>);

/// What must be said, and may be nothing: `null` is a value here, and an absent key is not. That it is absent is the
/// last fault to be reported: a key that is misspelt has a fault of its own.
#[derive(Debug, Clone)]
pub struct OrNull<T>(pub Patch<T>);

impl<T> OrNull<T> {
    pub fn stated(self, field: &str) -> Result<Option<T>> {
        match self.0 {
            Patch::Keep => Err(Error::invalid_input(field, "is required, and may be null")),
            Patch::Clear => Ok(None),
            Patch::Set(value) => Ok(Some(value)),
        }
    }
}

impl<T: Clone> Patch<T> {
    /// The two parameters one by one: whether to write.
    pub fn is_written(&self) -> bool {
        !self.is_empty()
    }

    /// And what.
    pub fn value(&self) -> Option<T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

impl<T> Patch<T> {
    /// Whether to write, and what: the two parameters of `CASE WHEN $n THEN $m ELSE column END`.
    pub fn into_parameters(self) -> (bool, Option<T>) {
        match self {
            Self::Keep => (false, None),
            Self::Clear => (true, None),
            Self::Set(value) => (true, Some(value)),
        }
    }
}

/// Fields that a patch may hold; an update that holds none touches nothing.
pub trait IsEmpty {
    fn is_empty(&self) -> bool;
}

impl<T> IsEmpty for Patch<T> {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<T> IsEmpty for Change<T> {
    fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl IsEmpty for Ours {
    fn is_empty(&self) -> bool {
        true
    }
}

/// The keys that a variant type brings beyond the named ones, each as JSON text.
#[derive(Debug, Clone, Default)]
pub struct Extra(pub BTreeMap<String, Box<RawValue>>);

/// The members of one JSON object while they are read, one by one.
pub struct Fields<'a> {
    path: &'a Path<'a>,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    key: Cow<'a, str>,
    /// `None` once it has been read.
    json: Option<&'a RawValue>,
}

impl<'a> Fields<'a> {
    pub fn of(json: Option<&'a RawValue>, path: &'a Path<'a>) -> Result<Self> {
        let json = present(json, path)?;
        let Members(members) = serde_json::from_str(json.get()).map_err(|_| {
            let is_object = json.get().starts_with('{');
            path.invalid(if is_object { "must not have keys with lone surrogates" } else { "must be an object" })
        })?;
        Ok(Self { path, members })
    }

    /// Reads one member.
    pub fn take<T: Input>(&mut self, key: &str) -> Result<T> {
        // An empty id is none: a new row gets one of our making.
        let json = self.remove(key).filter(|json| key != "id" || json.get() != "\"\"");
        T::read(json, &self.path.member(key))
    }

    fn remove(&mut self, key: &str) -> Option<&'a RawValue> {
        self.members.iter_mut().find(|member| member.key == key)?.json.take()
    }

    /// Reads one member that, when its name is in snake_case, may be given in camelCase as well.
    pub fn take_either<T>(&mut self, key: &str, read: impl FnOnce(Option<&RawValue>, &Path) -> Result<T>) -> Result<T> {
        let mut json = self.remove(key);
        if key.contains('_') {
            let camel_case = to_camel_case(key);
            match self.remove(&camel_case) {
                Some(_) if json.is_some() => {
                    return Err(self.path.member(&camel_case).invalid(&format!("is given twice, also as `{key}`")));
                }
                Some(other) => json = Some(other),
                None => {}
            }
        }
        read(json, &self.path.member(key))
    }

    /// Refuses what has not been read, naming the nearest of the known keys.
    pub fn finish(self, known: &[&str]) -> Result<()> {
        let Some(Member { key, .. }) = self.members.iter().find(|member| member.json.is_some()) else { return Ok(()) };
        if key.is_empty() {
            return Err(self.path.invalid("must not have an empty key"));
        }
        let reason = match nearest(key, known) {
            Some(name) => format!("is not known here; did you mean `{name}`?"),
            None => "is not known here".to_owned(),
        };
        Err(self.path.member(key).invalid(&reason))
    }

    /// Keeps what has not been read, unless its name is a slip of the pen. `null` may stand under any: it stores nothing.
    pub fn rest(self, known: &[&str]) -> Result<Extra> {
        let mut extra = BTreeMap::new();
        for Member { key, json } in self.members {
            let Some(json) = json else { continue };
            check_text(&key, "key")?;
            let path = self.path.member(&key);
            if json.get() != "null"
                && let Some(name) = known.iter().find(|name| is_slip(&key, name))
            {
                return Err(path.invalid(&format!("is not known here; did you mean `{name}`?")));
            }
            check_json(json, &path)?;
            extra.insert(key.into_owned(), json.to_owned());
        }
        Ok(Extra(extra))
    }
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some((MemberKey(key), json)) = map.next_entry()? {
            members.push(Member { key, json: Some(json) });
        }
        Ok(Members(members))
    }
}

/// Borrowed from the text, unless it holds escapes.
#[derive(Deserialize)]
struct MemberKey<'a>(#[serde(borrow)] Cow<'a, str>);

/// The one of the known names that was probably meant.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_ascii_lowercase();
    let likeness = |known: &&'k str| strsim::jaro_winkler(&known.to_ascii_lowercase(), &name);
    let best = known.iter().map(|known| (likeness(known), *known)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.8).map(|(_, known)| known)
}

/// A shorter name may differ in one letter and mean something else.
const MIN_SLIP_LETTERS: usize = 4;

/// Whether somebody who wrote `key` meant `name`: it is spelled in another case, or one letter is wrong, missing,
/// surplus, or changed places with the next. Less strict than [`nearest`], for further fields may be called anything.
fn is_slip(key: &str, name: &str) -> bool {
    let letters = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    let (key, name) = (letters(key), letters(name));
    let is_long = key.chars().count().min(name.chars().count()) >= MIN_SLIP_LETTERS;
    key == name || is_long && strsim::osa_distance(&key, &name) == 1
}

fn to_camel_case(snake_case: &str) -> String {
    let mut words = snake_case.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        name + &head.to_ascii_uppercase() + tail
    })
}

fn present<'a>(json: Option<&'a RawValue>, path: &Path) -> Result<&'a RawValue> {
    match json {
        Some(json) if json.get() != "null" => Ok(json),
        _ => Err(path.invalid("is required")),
    }
}

/// JSON.stringify escapes NUL as `\u0000` and a lone surrogate as `\udXXX`, and writes a pair as itself.
fn check_json(json: &RawValue, path: &Path) -> Result<()> {
    let mut rest = json.get().as_bytes();
    let mut is_in_string = false;
    let mut depth = 0;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'\\' => {
                check_escape(after, path)?;
                // What follows a backslash is never the start of another escape.
                rest = after.get(1..).unwrap_or_default();
            }
            b'"' => is_in_string = !is_in_string,
            b'{' | b'[' if !is_in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(path.invalid("must not nest deeper than 512 levels"));
                }
            }
            b'}' | b']' if !is_in_string => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

/// `escape` is what follows a backslash.
fn check_escape(escape: &[u8], path: &Path) -> Result<()> {
    match escape {
        [b'u', b'0', b'0', b'0', b'0', ..] => Err(path.invalid("must not contain NUL characters")),
        [b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => {
            Err(path.invalid("must not contain lone surrogates"))
        }
        _ => Ok(()),
    }
}

/// The same rules for a string that is an argument of its own.
pub fn check_text(text: &str, argument: &str) -> Result<()> {
    if text.contains('\0') { Err(Error::invalid_input(argument, "must not contain NUL characters")) } else { Ok(()) }
}

/// Why `text` cannot be a [`Key`].
fn key_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("must not be empty")
    } else if text.len() > MAX_KEY_BYTES {
        Some("must be at most 1024 bytes of UTF-8")
    } else {
        None
    }
}

/// Checks an id or another key that arrived as a plain argument and will be written.
pub fn check_key(text: &str, argument: &str) -> Result<()> {
    check_text(text, argument)?;
    key_fault(text).map_or(Ok(()), |reason| Err(Error::invalid_input(argument, reason)))
}

impl Input for Text {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let json = present(json, path)?;
        let Some(text) = json.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Err(path.invalid("must be a string"));
        };
        if !text.contains('\\') {
            return Ok(Self(text.to_owned()));
        }
        check_json(json, path)?;
        serde_json::from_str(json.get()).map(Self).map_err(|_| path.invalid("must be a string"))
    }
}

impl Input for Key {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let Text(text) = Text::read(json, path)?;
        match key_fault(&text) {
            None => Ok(Self(text)),
            Some(reason) => Err(path.invalid(reason)),
        }
    }
}

impl Input for bool {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match present(json, path)?.get() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(path.invalid("must be a boolean")),
        }
    }
}

impl Input for i32 {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let number: f64 =
            serde_json::from_str(present(json, path)?.get()).map_err(|_| path.invalid("must be a number"))?;
        if number.fract() != 0.0 || number < f64::from(i32::MIN) || number > f64::from(i32::MAX) {
            return Err(path.invalid("must be a whole number between -2147483648 and 2147483647"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the bounds were checked just above")]
        Ok(number as i32)
    }
}

impl Input for Timestamp {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        const REASON: &str =
            "must be a valid Date, or an ISO 8601 string with Z or an offset, in the years 0001 to 9999";
        let json = present(json, path)?;
        if !json.get().starts_with('"') {
            return Err(path.invalid(REASON));
        }
        let Text(text) = Text::read(Some(json), path)?;
        Self::parse(&text).ok_or_else(|| path.invalid(REASON))
    }
}

impl Input for JsonObject {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let json = present(json, path)?;
        if !json.get().starts_with('{') {
            return Err(path.invalid("must be an object"));
        }
        check_json(json, path)?;
        Ok(Self(json.to_owned()))
    }
}

impl Input for StringMap {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let object = JsonObject::read(json, path)?;
        serde_json::from_str::<BTreeMap<String, String>>(object.0.get())
            .map_err(|_| path.invalid("must be an object whose values are strings"))?;
        Ok(Self(object))
    }
}

impl Input for Ours {
    fn read(_: Option<&RawValue>, _: &Path) -> Result<Self> {
        Ok(Self)
    }
}

impl<T: Input> Input for Option<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match json {
            None => Ok(None),
            Some(json) if json.get() == "null" => Ok(None),
            Some(json) => T::read(Some(json), path).map(Some),
        }
    }
}

impl<T: Input> Input for OrNull<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        Patch::read(json, path).map(Self)
    }
}

impl<T: Input> Input for Patch<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match json {
            None => Ok(Self::Keep),
            Some(json) if json.get() == "null" => Ok(Self::Clear),
            Some(json) => T::read(Some(json), path).map(Self::Set),
        }
    }
}

impl<T: Input> Input for Change<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match json {
            None => Ok(Self(None)),
            Some(json) if json.get() == "null" => Err(path.invalid("cannot be cleared")),
            Some(json) => T::read(Some(json), path).map(|value| Self(Some(value))),
        }
    }
}

impl<T: Input> Input for Vec<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let items: Vec<&RawValue> =
            serde_json::from_str(present(json, path)?.get()).map_err(|_| path.invalid("must be an array"))?;
        items.into_iter().enumerate().map(|(at, item)| T::read(Some(item), &Path::Item(path, at))).collect()
    }
}

/// Declares what a method takes: the Rust struct, how it is read, and (through napi) its TypeScript interface,
/// under a name of its own where napi would change the spelling.
macro_rules! input {
    ($(#[$meta:meta])* $name:ident $($js_name:literal)? { $($(#[$doc:meta])* $field:ident $key:literal: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        #[allow(dead_code, reason = "fields that are accepted and ignored")]
        #[napi_derive::napi(object, object_from_js = false, object_to_js = false $(, js_name = $js_name)?)]
        pub struct $name {
            $($(#[$doc])* #[napi(js_name = $key)] pub $field: $type,)*
        }

        #[allow(dead_code, reason = "not every input is asked for its names")]
        impl $name {
            pub const NAMES: &'static [&'static str] = &[$($key),*];
        }

        impl $crate::input::Input for $name {
            fn read(json: Option<&serde_json::value::RawValue>, path: &$crate::input::Path) -> $crate::error::Result<Self> {
                let mut fields = $crate::input::Fields::of(json, path)?;
                $(let $field = fields.take($key)?;)*
                fields.finish(Self::NAMES)?;
                Ok(Self { $($field),* })
            }
        }
    };
}

/// A closed set of strings: refused elsewhere, a literal union in TypeScript (in `bridge/header.d.ts`).
macro_rules! closed_set {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl $name {
            pub fn parse(text: &str, path: &$crate::input::Path) -> $crate::error::Result<Self> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(path.invalid(concat!("must be one of" $(, " \"", $text, "\"")+))),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::input::Input for $name {
            fn read(json: Option<&serde_json::value::RawValue>, path: &$crate::input::Path) -> $crate::error::Result<Self> {
                let $crate::input::Text(text) = $crate::input::Text::read(json, path)?;
                Self::parse(&text, path)
            }
        }
    };
}
pub(crate) use {closed_set, input};

#[cfg(test)]
mod tests {
    use super::{Change, JsonObject, Key, Ours, Patch, StringMap, Text, parse};
    use crate::clock::Timestamp;
    use crate::error::Error;

    input! {
        Sample {
            id "id": Option<Key>,
            name "name": Text,
            seats "seats": Change<i32>,
            plan "plan": Patch<Text>,
            until "until": Option<Timestamp>,
            labels "labels": Option<StringMap>,
            created_at "createdAt": Ours,
        }
    }

    fn fault(json: &str) -> (Option<String>, String) {
        match parse::<Sample>(json, "sample") {
            Ok(sample) => panic!("accepted {sample:?}"),
            Err(Error { context, message, .. }) => (context.field, message.into_owned()),
        }
    }

    #[test]
    fn tells_absent_null_and_value_apart() {
        let sample: Sample = parse(r#"{"name":"a","plan":null,"seats":3,"createdAt":"whatever"}"#, "sample").unwrap();
        assert!(matches!(sample.plan, Patch::Clear));
        assert!(matches!(sample.seats, Change(Some(3))));
        assert!(sample.id.is_none());
        let sample: Sample = parse(r#"{"name":"a"}"#, "sample").unwrap();
        assert!(matches!(sample.plan, Patch::Keep));
    }

    #[test]
    fn reads_keys_with_escapes() {
        assert_eq!(parse::<Sample>(r#"{"na\u006de":"a"}"#, "sample").unwrap().name.0, "a");
        assert_eq!(fault(r#"{"name":"a","\"":1}"#).0.as_deref(), Some("\""));
        // No field has that name.
        assert_eq!(fault(r#"{"name":"a","":1}"#).0.as_deref(), Some("sample"));
    }

    #[test]
    fn names_the_field_and_never_the_value() {
        for (json, field) in [
            ("null", "sample"),
            ("[]", "sample"),
            ("7", "sample"),
            ("{}", "name"),
            (r#"{"name":null}"#, "name"),
            (r#"{"name":"hunter2","email":"hunter2"}"#, "email"),
            (r#"{"name":"a","__proto__":{"x":"hunter2"}}"#, "__proto__"),
            (r#"{"name":7}"#, "name"),
            (r#"{"name":"hunter2\u0000"}"#, "name"),
            (r#"{"name":"hunter2\ud800"}"#, "name"),
            (r#"{"name":"a","seats":null}"#, "seats"),
            (r#"{"name":"a","seats":1.5}"#, "seats"),
            (r#"{"name":"a","seats":1e99}"#, "seats"),
            (r#"{"name":"a","until":"hunter2"}"#, "until"),
            (r#"{"name":"a","until":1735689600000}"#, "until"),
            (r#"{"name":"a","id":"hunter2\u0000"}"#, "id"),
            (r#"{"name":"a","labels":{"a":1}}"#, "labels"),
        ] {
            let (found, message) = fault(json);
            assert_eq!(found.as_deref(), Some(field), "{json}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        let long = format!(r#"{{"name":"a","id":"{}"}}"#, "é".repeat(513));
        assert_eq!(fault(&long).0.as_deref(), Some("id"));
    }

    #[test]
    fn refuses_what_is_too_deep_or_too_long() {
        let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(parse::<JsonObject>(&nested(512), "metadata").is_ok());
        assert!(parse::<JsonObject>(&nested(513), "metadata").is_err());
        let brackets = format!(r#"{{"a":"{}\"{}"}}"#, "[".repeat(600), "{".repeat(600));
        assert!(parse::<JsonObject>(&brackets, "metadata").is_ok());
        let long = format!(r#""{}""#, "x".repeat(32 << 20));
        assert_eq!(parse::<Text>(&long, "name").err().and_then(|error| error.context.field).as_deref(), Some("name"));
    }

    #[test]
    fn takes_an_escaped_backslash_for_what_it_is() {
        assert_eq!(parse::<Sample>(r#"{"name":"\\u0000"}"#, "sample").unwrap().name.0, r"\u0000");
    }
}
