//! The table of scored users: `UserRisk`, one item for each.

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
    names: Pseudonyms,
}

impl Risks {
    /// The table `name`, in which `names` names users.
    pub fn new(client: Client, name: &str, names: Pseudonyms) -> Self {
        Self { client, table: name.to_owned(), names }
    }

    /// Deletes a user's score; one who has none is passed over.
    pub async fn forget(&self, user: &UserId) -> Result<(), StoreError> {
        let name = AttributeValue::S(self.names.stored_user(user).to_string());
        let call = self.client.delete_item().table_name(&self.table).key("user_id", name);
        call.send().await.map(drop).map_err(|e| StoreError::from_call("DeleteItem", &self.table, e))
    }
}
