//! CSV as in RFC 4180: UTF-8, a header row, lines that end with CR LF. Spreadsheet programs do not run its cells.

use super::AudienceRow;
use crate::risk::Group;
use csv::{ErrorKind, IntoInnerError, Terminator, Writer, WriterBuilder};
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes rows to `W`.
pub struct CsvWriter<W: Write>(Writer<W>);

impl<W: Write> CsvWriter<W> {
    /// Writes the header row.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        writer.write_record(AudienceRow::COLUMNS).map_err(io_error)?;
        Ok(Self(writer))
    }

    /// # Errors
    /// The output cannot be written.
    pub fn write(&mut self, row: &AudienceRow) -> io::Result<()> {
        let probability = row.churn_probability.get().to_string();
        let level_since = row.level_since.to_string();
        let text = |text: &Option<String>| text.as_deref().map(inert).unwrap_or_default().into_owned();
        let record: [&str; AudienceRow::COLUMNS.len()] = [
            &inert(row.user_id.as_str()),
            &probability,
            row.risk_level.as_str(),
            &level_since,
            &text(&row.reason_feature),
            &text(&row.reason_text),
            &text(&row.action_id),
            &text(&row.action_text),
            row.group.map(Group::as_str).unwrap_or_default(),
        ];
        self.0.write_record(record).map_err(io_error)
    }

    /// Flushes the rows and returns the output.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner().map_err(IntoInnerError::into_error)
    }
}

/// The error of the output itself, so that a caller finds its cause.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The text as a cell that a spreadsheet program shows and does not evaluate. A text that starts like a formula gets an apostrophe
/// in front, and so does one that starts with an apostrophe: a reader removes one. A number or an id such as `-1` or `-aB_3` has no
/// operator, function or link, and stays.
fn inert(text: &str) -> Cow<'_, str> {
    let is_plain = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let is_inert = match text.chars().next() {
        Some('+' | '-') => text.get(1..).is_some_and(is_plain),
        Some('=' | '@' | '\t' | '\r' | '\n' | '\'' | '＝' | '＋' | '－' | '＠') => false,
        _ => true,
    };
    if is_inert { Cow::Borrowed(text) } else { Cow::Owned(format!("'{text}")) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;
    use super::*;

    fn written(rows: &[AudienceRow]) -> String {
        let mut writer = CsvWriter::new(Vec::new()).unwrap();
        rows.iter().for_each(|row| writer.write(row).unwrap());
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    const HEADER: &str = "user_id,churn_probability,risk_level,level_since,reason_feature,reason_text,action_id,action_text,\
                          group\r\n";

    #[test]
    fn rows_follow_rfc_4180() {
        assert_eq!(written(&[]), HEADER, "a list without users has a header");
        let mut quoted = row("a,\"b\"\r\nعمر");
        quoted.reason_text = Some("عدد الأيام: 1، 2".into());
        let mut empty = row("30");
        (empty.reason_feature, empty.reason_text, empty.action_id, empty.action_text, empty.group) =
            (None, None, None, None, None);
        let expected = [
            HEADER,
            "\"a,\"\"b\"\"\r\nعمر\",0.8125,critical,2018-11-30,recency_days,عدد الأيام: 1، 2,retention_offer,\
             \"Call, and offer a month\",treatment\r\n",
            "30,0.8125,critical,2018-11-30,,,,,\r\n",
        ];
        assert_eq!(written(&[quoted, empty]), expected.concat());
    }

    #[test]
    fn cells_are_no_formulas() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("=HYPERLINK(\"https://example.org\")", "'=HYPERLINK(\"https://example.org\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("-A1:B2", "'-A1:B2"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("＝1+1", "'＝1+1"),
            ("'30", "''30"),
            // Ids stay, so that they can be joined.
            ("-1", "-1"),
            ("+49301234", "+49301234"),
            ("-aB_3-c", "-aB_3-c"),
            ("-", "-"),
            ("a=1", "a=1"),
            ("", ""),
            ("عمر", "عمر"),
        ] {
            assert_eq!(inert(text), cell);
        }
        let line = written(&[row("=1,2")]);
        assert!(line.contains("\r\n\"'=1,2\",0.8125,"), "{line}");
    }
}
