//! Serde form of what has a name or a table.

use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Reads a name that `by_name` knows, or a table of a `T`.
///
/// # Errors
///
/// For other names: what was given and the `names` that are known; for tables: what is wrong with them.
pub(crate) fn name_or_table<'de, D, T, R>(
    deserializer: D,
    by_name: fn(&str) -> Option<R>,
    names: &'static [&'static str],
) -> Result<R, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Into<R>,
{
    deserializer.deserialize_any(NameOrTable { by_name, names, table: PhantomData::<T> })
}

struct NameOrTable<T, R> {
    by_name: fn(&str) -> Option<R>,
    names: &'static [&'static str],
    table: PhantomData<T>,
}

impl<'de, T: Deserialize<'de> + Into<R>, R> Visitor<'de> for NameOrTable<T, R> {
    type Value = R;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a table, or one of the names {}", self.names.join(", "))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<R, E> {
        (self.by_name)(name).ok_or_else(|| E::unknown_variant(name, self.names))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<R, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Into::into)
    }
}
