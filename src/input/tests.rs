use super::{Change, Ignored, JsonObject, Key, Patch, StringMap, Text, input, parse, patch};
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
        created_at "createdAt": Ignored,
    }
}

patch! {
    SamplePatch {
        name "name": Change<Text>,
        plan "plan": Patch<Text>,
        created_at "createdAt": Ignored,
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
fn a_patch_is_empty_if_no_field_of_it_is_written() {
    for (json, is_empty) in [
        ("{}", true),
        (r#"{"createdAt":"whatever"}"#, true),
        (r#"{"name":"a"}"#, false),
        (r#"{"plan":null}"#, false),
        (r#"{"plan":"a"}"#, false),
    ] {
        let SamplePatch { name, plan, created_at: _ } = &parse(json, "patch").unwrap();
        assert_eq!(name.value().is_none() && !plan.is_written(), is_empty, "{json}");
        assert_eq!(parse::<SamplePatch>(json, "patch").unwrap().is_empty(), is_empty, "{json}");
    }
}

#[test]
fn reads_keys_with_escapes() {
    assert_eq!(parse::<Sample>(r#"{"na\u006de":"a"}"#, "sample").unwrap().name.0, "a");
    assert_eq!(fault(r#"{"name":"a","\"":1}"#).0.as_deref(), Some("\""));
    // There is no name for the field at fault, so the argument is named.
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
