//! Reads one text of an XML response: the AWS query protocol, which SNS has, responds with XML.

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

/// The text of the first element at `path`, the names of the elements from the root. `None` if the body is no XML or has no
/// such element.
pub(super) fn text_at(body: &[u8], path: &[&str]) -> Option<String> {
    let (root, path) = path.split_first()?;
    let mut document = Document::new(std::str::from_utf8(body).ok()?);
    let mut element = document.root_element().ok()?;
    if element.start_el().local() != *root {
        return None;
    }
    text_in(&mut element, path)
}

fn text_in(element: &mut ScopedDecoder<'_, '_>, path: &[&str]) -> Option<String> {
    let Some((name, rest)) = path.split_first() else {
        return try_data(element).ok().map(|text| text.into_owned());
    };
    while let Some(mut child) = element.next_tag() {
        if child.start_el().local() == *name {
            return text_in(&mut child, rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_by_its_path() {
        let body = b"<?xml version=\"1.0\"?><R xmlns=\"http://x/\"><Other><Id>1</Id></Other><Result><A/><Id>a &amp; b</Id></Result></R>";
        assert_eq!(text_at(body, &["R", "Result", "Id"]).as_deref(), Some("a & b"));
        for path in [&["R", "Result", "None"][..], &["Other", "Id"], &["R", "Id"], &[]] {
            assert_eq!(text_at(body, path), None, "{path:?}");
        }
        for body in [&b"{\"json\": 1}"[..], b"", b"<R><Result>", b"\xff"] {
            assert_eq!(text_at(body, &["R", "Result", "Id"]), None);
        }
    }
}
