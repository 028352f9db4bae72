//! How users are named where they are stored: as the log names them or, with a key, by pseudonyms that only the holder of
//! the key can make.

use crate::ids::UserId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use std::fmt;

/// A user as tables and manifests name them; never empty.
///
/// Only [`Pseudonyms`] makes one out of a [`UserId`], so that none can be made twice out of the same user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredUser(Box<str>);

impl StoredUser {
    /// Reads back what was stored; `None` for an empty name.
    pub fn from_stored(name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoredUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The setting `CHURN_USER_ID_KEY`: the secret that pseudonyms are made with, if any. It is its text's bytes.
///
/// It is read but never shown: [`Debug`] leaves it out, and it serialises as null.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserIdKey(Option<Box<str>>);

impl UserIdKey {
    /// Fewest bytes; fewer could be guessed, as user ids can.
    pub(crate) const MIN_BYTES: usize = 16;

    /// Whether there is a key.
    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Length in bytes, if there is a key.
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

/// Names users for the stores: with a key, the unpadded base64url of the HMAC-SHA256 (RFC 2104) of the user's id, 43
/// characters; without one, the id itself.
#[derive(Clone)]
pub struct Pseudonyms(Option<Hmac<Sha256>>);

impl Pseudonyms {
    /// With `key`, if it is set.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn new(key: &UserIdKey) -> Self {
        Self(key.0.as_deref().map(|key| Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length")))
    }

    /// Whether ids are to be kept out of the stores.
    pub fn hide_ids(&self) -> bool {
        self.0.is_some()
    }

    /// How `user` is named in the stores.
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

    /// RFC 4231, test case 2, and one of a key longer than SHA-256's block; the latter, and the base64 of both, from
    /// `printf '…' | openssl dgst -sha256 -hmac '…' -binary | basenc --base64url`.
    #[test]
    fn is_hmac_sha256() {
        let jefe = pseudonym("Jefe", "what do ya want for nothing?");
        assert_eq!(jefe, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
        let bytes = URL_SAFE_NO_PAD.decode(&jefe).unwrap();
        assert_eq!(hex::encode(&bytes), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(pseudonym(&"0123456789".repeat(10), "مستخدم/30"), "uD4FWmjOSwthed-KvHEV2hI3Z-Ft2h4erhiwzYcY7qI");
    }

    #[test]
    fn without_a_key_the_id_itself_is_stored() {
        let user = UserId::new("30").unwrap();
        assert_eq!(Pseudonyms::new(&UserIdKey::default()).stored_user(&user).as_str(), "30");
    }

    #[test]
    fn different_users_or_keys_have_different_pseudonyms() {
        let (a, b) = ("a key of 16 byte", "b key of 16 byte");
        let all = [pseudonym(a, "30"), pseudonym(a, "31"), pseudonym(b, "30")];
        assert_eq!(std::collections::BTreeSet::from(all.clone()).len(), 3, "{all:?}");
        assert_eq!(pseudonym(a, " 30 "), pseudonym(a, "30"), "as the log means one user by both");
    }
}
