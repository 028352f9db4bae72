//! The stored form of user ids: the id itself or, with a key, a pseudonym that only the owner of the key can compute.

use crate::ids::UserId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use std::fmt;

/// A user as tables and manifests store it; never empty.
///
/// Only [`Pseudonyms`] converts a [`UserId`] to this type, so that a pseudonym cannot be pseudonymised again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct StoredUser(#[cfg_attr(feature = "schemas", schemars(with = "String", length(min = 1)))] Box<str>);

impl StoredUser {
    /// From a stored value; `None` if it is empty.
    pub fn from_stored(name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoredUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The setting `CHURN_USER_ID_KEY`: the secret key of the pseudonyms, used as the bytes of its text.
///
/// It is never printed: [`Debug`] omits it, and it serialises as null.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserIdKey(Option<Box<str>>);

impl UserIdKey {
    /// Shortest key, in bytes. User ids are easy to guess, so the key must not be.
    pub(crate) const MIN_BYTES: usize = 16;

    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Length in bytes; `None` without a key.
    pub(crate) fn bytes(&self) -> Option<usize> {
        self.0.as_deref().map(str::len)
    }
}

impl From<&str> for UserIdKey {
    fn from(key: &str) -> Self {
        Self(Some(key.into()))
    }
}

impl fmt::Debug for UserIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_set() { "UserIdKey(set)" } else { "UserIdKey(none)" })
    }
}

impl Serialize for UserIdKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<'de> Deserialize<'de> for UserIdKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self)
    }
}

/// Converts user ids to their stored form. With a key: the HMAC-SHA256 (RFC 2104) of the id as unpadded base64url, 43
/// characters. Without a key: the id itself.
#[derive(Clone)]
pub struct Pseudonyms(Option<Hmac<Sha256>>);

impl Pseudonyms {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn new(key: &UserIdKey) -> Self {
        Self(key.0.as_deref().map(|key| Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length")))
    }

    /// Whether user ids must not be stored.
    pub fn hide_ids(&self) -> bool {
        self.0.is_some()
    }

    /// The stored form of `user`.
    pub fn stored_user(&self, user: &UserId) -> StoredUser {
        StoredUser(match &self.0 {
            None => user.as_str().into(),
            Some(keyed) => {
                let mac = keyed.clone().chain_update(user.as_str()).finalize().into_bytes();
                URL_SAFE_NO_PAD.encode(mac).into()
            }
        })
    }
}

impl Pseudonyms {
    /// The first 64 bits of the HMAC-SHA256 of `message`, with the key of the user ids or, without one, with `fallback_key`.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub(crate) fn keyed_hash(&self, fallback_key: &str, message: &str) -> u64 {
        let fallback = || Hmac::new_from_slice(fallback_key.as_bytes()).expect("HMAC takes a key of any length");
        let mac = self.0.clone().unwrap_or_else(fallback).chain_update(message).finalize().into_bytes();
        mac.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hide_ids() { "Pseudonyms(keyed)" } else { "Pseudonyms(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudonym(key: &str, user: &str) -> String {
        Pseudonyms::new(&key.into()).stored_user(&UserId::new(user).unwrap()).to_string()
    }

    /// RFC 4231, test case 2, and a key longer than SHA-256's block. The second value, and the base64 of both, are from
    /// `printf '…' | openssl dgst -sha256 -hmac '…' -binary | basenc --base64url`.
    #[test]
    fn pseudonyms_are_hmac_sha256() {
        let jefe = pseudonym("Jefe", "what do ya want for nothing?");
        assert_eq!(jefe, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
        let bytes = URL_SAFE_NO_PAD.decode(&jefe).unwrap();
        assert_eq!(hex::encode(&bytes), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(pseudonym(&"0123456789".repeat(10), "مستخدم/30"), "uD4FWmjOSwthed-KvHEV2hI3Z-Ft2h4erhiwzYcY7qI");
    }

    #[test]
    fn ids_are_stored_without_a_key() {
        let user = UserId::new("30").unwrap();
        assert_eq!(Pseudonyms::new(&UserIdKey::default()).stored_user(&user).as_str(), "30");
    }

    #[test]
    fn different_users_or_keys_have_different_pseudonyms() {
        let (a, b) = ("a key of 16 byte", "b key of 16 byte");
        let all = [pseudonym(a, "30"), pseudonym(a, "31"), pseudonym(b, "30")];
        assert_eq!(std::collections::BTreeSet::from(all.clone()).len(), 3, "{all:?}");
        assert_eq!(pseudonym(a, " 30 "), pseudonym(a, "30"), "both are the same user");
    }
}
