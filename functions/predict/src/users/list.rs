//! `GET /users`: users at risk, highest probability first, page by page.

use super::cursor::PageCursor;
use super::parameters::Parameters;
use super::representation::Representation;
use crate::prediction::ResponseOptions;
use crate::problem::Problem;
use churn_common::audience::{AudienceRow, CsvWriter};
use churn_common::store::Stores;
use churn_common::store::risks::RiskList;
use lambda_http::http::header;
use lambda_http::{Body, Error, Request, Response};
use serde::Serialize;

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub(crate) struct UserPage {
    users: Vec<AudienceRow>,
    /// Value of the parameter `cursor` for the next page; `None` on the last page.
    next_cursor: Option<PageCursor>,
    #[serde(skip)]
    limit: u16,
}

/// Reads the page that the request asks for.
pub(crate) async fn list(
    request: &Request,
    stores: &Stores,
    options: ResponseOptions<'_>,
) -> Result<UserPage, Problem> {
    let Parameters { levels, limit, cursor } = Parameters::from_request(request)?;
    let places = cursor.map_or_else(|| vec![None; levels.as_slice().len()], PageCursor::into_places);
    let mut list = RiskList::new(&stores.risks, levels.as_slice().iter().copied().zip(places));
    let users = list.page(limit).await.map_err(|e| Problem::store(&e))?;
    let has_more = list.has_more().await.map_err(|e| Problem::store(&e))?;
    Ok(UserPage {
        users: users.iter().map(|user| AudienceRow::new(user, options.actions, options.language)).collect(),
        next_cursor: has_more.then(|| PageCursor::new(levels, list.into_places())),
        limit,
    })
}

impl UserPage {
    /// The page in the media type that the request accepts. The next page is also in the header `Link` (RFC 8288).
    pub(crate) fn respond(&self, request: &Request) -> Result<Response<Body>, Error> {
        let representation = Representation::negotiate(request.headers());
        let body = match representation {
            Representation::Json => serde_json::to_string(self)?,
            Representation::Csv => self.csv()?,
        };
        let mut response = Response::builder().header(header::CONTENT_TYPE, representation.content_type());
        if let Some(cursor) = &self.next_cursor {
            // Relative to the address of the request, whatever the deployment adds to the path.
            let (levels, limit, cursor) = (cursor.levels(), self.limit, cursor.encode()?);
            let link = format!("<?risk_level={levels}&limit={limit}&cursor={cursor}>; rel=\"next\"");
            response = response.header(header::LINK, link);
        }
        Ok(response.body(body.into())?)
    }

    fn csv(&self) -> Result<String, Error> {
        let mut writer = CsvWriter::new(Vec::new())?;
        for user in &self.users {
            writer.write(user)?;
        }
        Ok(String::from_utf8(writer.finish()?)?)
    }
}
