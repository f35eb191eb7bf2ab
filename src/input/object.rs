//! JSON objects: their members are read one by one, and whatever is left over is refused or kept.

use super::json::check_json;
use super::names::{is_typo, nearest, to_camel_case};
use super::{Extra, Input, Path, check_text, required};
use crate::error::Result;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The members of a JSON object while they are being read.
pub struct Fields<'a> {
    path: &'a Path<'a>,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    key: Cow<'a, str>,
    /// `None` once the member has been read.
    json: Option<&'a RawValue>,
}

impl<'a> Fields<'a> {
    pub fn of(json: Option<&'a RawValue>, path: &'a Path<'a>) -> Result<Self> {
        let json = required(json, path)?;
        let Members(members) = serde_json::from_str(json.get()).map_err(|_| {
            let is_object = json.get().starts_with('{');
            path.invalid(if is_object { "must not have keys with lone surrogates" } else { "must be an object" })
        })?;
        Ok(Self { path, members })
    }

    /// Reads a member.
    pub fn take<T: Input>(&mut self, key: &str) -> Result<T> {
        // An empty id counts as none, so that a new row gets a generated one.
        let json = self.remove(key).filter(|json| key != "id" || json.get() != "\"\"");
        T::read(json, &self.path.member(key))
    }

    fn remove(&mut self, key: &str) -> Option<&'a RawValue> {
        self.members.iter_mut().find(|member| member.key == key)?.json.take()
    }

    /// Reads a member whose name, if it is in snake_case, may also be given in camelCase.
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

    /// Refuses the members that have not been read, and suggests the nearest of the known keys.
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

    /// Returns the members that have not been read, but refuses a key that is a known one with a typing error. `null`
    /// is accepted under any key, because it stores nothing.
    pub fn rest(self, known: &[&str]) -> Result<Extra> {
        let mut extra = BTreeMap::new();
        for Member { key, json } in self.members {
            let Some(json) = json else { continue };
            check_text(&key, "key")?;
            let path = self.path.member(&key);
            if json.get() != "null"
                && let Some(name) = known.iter().find(|name| is_typo(&key, name))
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

/// A key, borrowed from the JSON text unless it contains escapes.
#[derive(Deserialize)]
struct MemberKey<'a>(#[serde(borrow)] Cow<'a, str>);
