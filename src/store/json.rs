//! JSON columns. Their text is passed on as it is: nothing between PostgreSQL and the facade parses it.

use crate::error::{Code, Error, Result};
use crate::input::{Extra, JsonObject, StringMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::types::Json;
use sqlx::{Decode, Encode, Postgres, Type};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// JSON text whose shape only the typings know.
#[derive(Debug, Clone)]
pub struct JsonOf<T> {
    text: JsonObject,
    shape: PhantomData<fn() -> T>,
}

/// Says of a type that its columns are of the type JSONB.
macro_rules! jsonb {
    ($type:ty $(, $parameter:ident)?) => {
        impl$(<$parameter>)? Type<Postgres> for $type {
            fn type_info() -> PgTypeInfo {
                <Json<Box<RawValue>> as Type<Postgres>>::type_info()
            }

            fn compatible(ty: &PgTypeInfo) -> bool {
                <Json<Box<RawValue>> as Type<Postgres>>::compatible(ty)
            }
        }
    };
}

jsonb!(JsonObject);
jsonb!(StringMap);
jsonb!(Extra);
jsonb!(JsonOf<T>, T);

impl PgHasArrayType for JsonObject {
    fn array_type_info() -> PgTypeInfo {
        <Json<Box<RawValue>> as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for JsonObject {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Json(&self.0).encode_by_ref(buffer)
    }
}

impl Encode<'_, Postgres> for StringMap {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.0.encode_by_ref(buffer)
    }
}

impl Decode<'_, Postgres> for JsonObject {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Json::<Box<RawValue>>::decode(value).map(|Json(text)| Self(text))
    }
}

impl<T> Decode<'_, Postgres> for JsonOf<T> {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        JsonObject::decode(value).map(|text| Self { text, shape: PhantomData })
    }
}

impl Decode<'_, Postgres> for Extra {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Json::<BTreeMap<String, Box<RawValue>>>::decode(value).map(|Json(members)| Self(members))
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<T> Serialize for JsonOf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

/// In JSON the further fields of a record stand beside those that have columns.
impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The JSON text of a value that this module has built from strings, numbers and lists.
pub fn to_json(value: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value)
        .map_err(|_| Error::new(Code::Internal, "a value could not be written as JSON"))
}

/// Splits a patch of further fields into the JSON object to merge and the keys to remove.
pub fn split_patch(extra: Extra) -> Result<(JsonObject, Vec<String>)> {
    let (removed, set): (BTreeMap<_, _>, BTreeMap<_, _>) =
        extra.0.into_iter().partition(|(_, value)| value.get() == "null");
    Ok((JsonObject(to_json(&set)?), removed.into_keys().collect()))
}
