//! The table `UserRisk`: one item for each scored user.

use super::StoreError;
use crate::ids::UserId;
use crate::pseudonym::Pseudonyms;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

/// The table of scored users.
#[derive(Debug, Clone)]
pub struct Risks {
    client: Client,
    table: String,
    pseudonyms: Pseudonyms,
}

impl Risks {
    pub fn new(client: Client, table: &str, pseudonyms: Pseudonyms) -> Self {
        Self { client, table: table.to_owned(), pseudonyms }
    }

    /// Deletes the item of a user, if there is one.
    pub async fn delete(&self, user: &UserId) -> Result<(), StoreError> {
        let key = AttributeValue::S(self.pseudonyms.stored_user(user).to_string());
        let call = self.client.delete_item().table_name(&self.table).key("user_id", key);
        call.send().await.map(drop).map_err(|e| StoreError::from_call("DeleteItem", &self.table, e))
    }
}
