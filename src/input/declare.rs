//! Macros that declare what methods take: one list of fields gives the Rust struct, how it is read from JSON, and
//! (through napi) its TypeScript interface.

/// Declares an object that a method takes. It has a name for TypeScript beside the Rust name where napi would change
/// the spelling.
macro_rules! input {
    ($(#[$meta:meta])* $name:ident $($js_name:literal)? { $($(#[$doc:meta])* $field:ident $key:literal: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        #[allow(dead_code, reason = "some fields are accepted and ignored")]
        #[napi_derive::napi(object, object_from_js = false, object_to_js = false $(, js_name = $js_name)?)]
        pub struct $name {
            $($(#[$doc])* #[napi(js_name = $key)] pub $field: $type,)*
        }

        #[allow(dead_code, reason = "only the options of the adapter need their names elsewhere")]
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

/// Declares an [`input!`] for an update. Each of its fields is a `Patch`, a `Change` or `Ignored`.
macro_rules! patch {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident $key:literal: $type:ty,)* }) => {
        $crate::input::input! {
            $(#[$meta])* $name { $($(#[$doc])* $field $key: $type,)* }
        }

        impl $name {
            /// Whether the update changes nothing. Then it only reads.
            pub fn is_empty(&self) -> bool {
                $($crate::input::IsEmpty::is_empty(&self.$field))&&*
            }
        }
    };
}

/// Declares a closed set of strings. Other strings are refused. In TypeScript the set is a union of literals, which is
/// written out in `bridge/header.d.ts`.
macro_rules! closed_set {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

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
pub(crate) use {closed_set, input, patch};
