//! JSON columns. Their text passes through: it is parsed by nobody between PostgreSQL and the caller.

use crate::error::{Code, Error, Result};
use crate::input::{Extra, JsonObject};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::types::Json;
use sqlx::{Decode, Encode, Postgres, Type};
use std::collections::BTreeMap;
use std::marker::PhantomData;

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Type<Postgres> for JsonObject {
    fn type_info() -> PgTypeInfo {
        <Json<Box<RawValue>> as Type<Postgres>>::type_info()
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        <Json<Box<RawValue>> as Type<Postgres>>::compatible(ty)
    }
}

impl Encode<'_, Postgres> for JsonObject {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Json(&self.0).encode_by_ref(buffer)
    }
}

impl Decode<'_, Postgres> for JsonObject {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Json::<Box<RawValue>>::decode(value).map(|Json(text)| Self(text))
    }
}

/// JSON text of which the typings know the shape.
#[derive(Debug, Clone)]
pub struct JsonOf<T> {
    text: JsonObject,
    shape: PhantomData<fn() -> T>,
}

impl<T> Serialize for JsonOf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<T> Type<Postgres> for JsonOf<T> {
    fn type_info() -> PgTypeInfo {
        JsonObject::type_info()
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        JsonObject::compatible(ty)
    }
}

impl<T> Decode<'_, Postgres> for JsonOf<T> {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        JsonObject::decode(value).map(|text| Self { text, shape: PhantomData })
    }
}

/// The keys of a variant type beyond its columns; in JSON they stand beside them.
impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Type<Postgres> for Extra {
    fn type_info() -> PgTypeInfo {
        JsonObject::type_info()
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        JsonObject::compatible(ty)
    }
}

impl Decode<'_, Postgres> for Extra {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Json::<BTreeMap<String, Box<RawValue>>>::decode(value).map(|Json(members)| Self(members))
    }
}

/// The JSON text of what we made ourselves: strings, numbers and lists of them.
pub fn to_json(value: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value)
        .map_err(|_| Error::new(Code::Internal, "a value could not be written as JSON"))
}

/// A patch of them: the JSON object to merge, and the keys to remove.
pub fn split_patch(extra: Extra) -> Result<(JsonObject, Vec<String>)> {
    let (removed, set): (BTreeMap<_, _>, BTreeMap<_, _>) =
        extra.0.into_iter().partition(|(_, value)| value.get() == "null");
    Ok((JsonObject(to_json(&set)?), removed.into_keys().collect()))
}

impl sqlx::postgres::PgHasArrayType for JsonObject {
    fn array_type_info() -> PgTypeInfo {
        <Json<Box<RawValue>> as sqlx::postgres::PgHasArrayType>::array_type_info()
    }
}
