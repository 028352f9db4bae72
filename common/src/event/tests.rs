use super::*;

const TIMES: TimeRange =
    TimeRange { earliest: TimeRange::DEFAULT_MIN_DATE.start(), latest: Timestamp::from_millis(2_000_000_000_000) };

fn parse(line: &str) -> Line<'_> {
    Line::parse(line.as_bytes(), TIMES)
}

fn event(line: &str) -> Event<'_> {
    match parse(line) {
        Line::Event(event) => event,
        other => panic!("{line}: {other:?}"),
    }
}

/// A valid line with `field` set to `value` (JSON), or without the field.
fn with(field: &str, value: Option<&str>) -> String {
    let mut fields = vec![
        ("ts", "1538352117000"),
        ("userId", "\"30\""),
        ("sessionId", "29"),
        ("page", "\"NextSong\""),
        ("registration", "1538173362000"),
        ("length", "277.89016"),
    ];
    fields.retain(|(name, _)| *name != field);
    fields.extend(value.map(|value| (field, value)));
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

#[test]
fn lines_of_both_known_logs_parse() {
    let e = event(
        r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong","level":"paid","itemInSession":50,"registration":1538173362000,"gender":"M","artist":"Martha Tilston","song":"Rockpools","length":277.89016,"auth":"Logged In"}"#,
    );
    assert_eq!((e.user.as_str(), e.session, e.item), ("30", SessionId::from_number(29), Some(50)));
    assert_eq!((e.page, e.level, e.gender), (Page::NextSong, Some(Level::Paid), Some(Gender::Male)));
    assert_eq!((e.artist.as_deref(), e.length_ms), (Some("Martha Tilston"), Some(277_890)));

    let e = event(
        r#"{"artist":null,"gender":"F","itemInSession":0,"length":null,"level":"free","page":"Home","registration":1540708070796.0,"sessionId":82,"song":null,"ts":1541122176796,"userAgent":"Mozilla\/5.0","userId":83}"#,
    );
    assert_eq!((e.user.as_str(), e.registration), ("83", Some(Timestamp::from_millis(1_540_708_070_796))));
    assert_eq!((e.artist, e.song, e.length_ms), (None, None, None));
}

#[test]
fn event_without_user_is_not_rejected() {
    let missing = ["\"\"", "\"None\"", "\"  \"", "null", "\"nan\"", "\"NaN\"", "\"NULL\"", "\"undefined\"", "\"<NA>\""];
    for value in missing.map(Some).into_iter().chain([None]) {
        assert_eq!(parse(&with("userId", value)), Line::WithoutUser, "{value:?}");
    }
}

#[test]
fn invalid_lines_are_rejected_with_a_code() {
    let cases = [
        (with("ts", None), "missing_ts"),
        (with("ts", Some("null")), "missing_ts"),
        (with("ts", Some("\"yesterday\"")), "invalid_type_ts"),
        (with("ts", Some("[1]")), "invalid_type_ts"),
        (with("ts", Some("0")), "ts_not_positive"),
        (with("ts", Some("-5")), "ts_not_positive"),
        (with("ts", Some("2000000000001")), "ts_in_future"),
        (with("ts", Some("1e300")), "ts_in_future"),
        (with("ts", Some("1538352117")), "ts_in_seconds"),
        (with("ts", Some("1538352117.796")), "ts_in_seconds"),
        (with("ts", Some("\"1538352117\"")), "ts_in_seconds"),
        (with("ts", Some("1538352117796123")), "ts_in_microseconds"),
        (with("ts", Some("1.538352117796123456e18")), "ts_in_nanoseconds"),
        (with("ts", Some("1538352117796123456")), "ts_in_nanoseconds"),
        (with("ts", Some("\"2018-10-01T00:01:57.796Z\"")), "ts_iso_8601"),
        (with("ts", Some("\"2018-10-01 00:01:57\"")), "ts_iso_8601"),
        (with("ts", Some("20181001")), "ts_too_early"),
        (with("ts", Some("946684799999")), "ts_too_early"),
        (with("userId", Some("{}")), "invalid_type_userId"),
        (with("userId", Some("30.5")), "invalid_type_userId"),
        (with("sessionId", None), "missing_sessionId"),
        (with("sessionId", Some("true")), "invalid_type_sessionId"),
        (with("page", None), "missing_page"),
        (with("page", Some("7")), "invalid_type_page"),
        (with("userId", Some(&format!("\"{}\"", "x".repeat(1025)))), "user_id_too_long"),
        ("".into(), "empty_line"),
        ("  \r".into(), "empty_line"),
        ("[1,2,3]".into(), "not_an_object"),
        ("\"text\"".into(), "not_an_object"),
        ("nonsense".into(), "not_json"),
        ("{\"ts\":1".into(), "not_json"),
        ("{\"ts\":1,\"ts\":2}".into(), "not_json"),
    ];
    for (line, code) in cases {
        match parse(&line) {
            Line::Rejected(reason) => assert_eq!(reason.code(), code, "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn implausible_optional_values_are_unknown() {
    assert_eq!(event(&with("registration", Some("1538173362"))).registration, None);
    assert_eq!(event(&with("registration", Some("1538352117001"))).registration, None);
    assert_eq!(event(&with("length", Some("-3"))).length_ms, None);
    assert_eq!(event(&with("length", Some("999999"))).length_ms, None);
    assert_eq!(event(&with("level", Some("\"gold\""))).level, None);
    assert_eq!(event(&with("itemInSession", Some("-1"))).item, None);
    assert_eq!(event(&with("length", Some("{\"s\":1}"))).length_ms, None);
    assert_eq!(event(&with("level", Some("1"))).level, None);
    assert_eq!(event(&with("artist", Some("7"))).artist, None);
    assert_eq!(event(&with("page", Some("\"Karaoke\""))).page, Page::Other);
    assert_eq!(event(&with("artist", Some("\"\""))).artist, None);
}

#[test]
fn numbers_can_be_text_and_ids_can_be_numbers() {
    assert_eq!(event(&with("ts", Some("1538352117000.0"))).ts, Timestamp::from_millis(1_538_352_117_000));
    assert_eq!(event(&with("ts", Some("\"1538352117000\""))).ts, Timestamp::from_millis(1_538_352_117_000));
    assert_eq!(event(&with("userId", Some("30"))).user.as_str(), "30");
    for (id, user) in [
        ("30.0", "30"),
        ("\"30.0\"", "30"),
        ("9223372036854775808", "9223372036854775808"),
        ("18446744073709551616", "18446744073709551616"),
        ("-123456789012345678901234567890", "-123456789012345678901234567890"),
        ("12345678901234567890.0", "12345678901234567890"),
        ("9007199254740993.0", "9007199254740993"),
        ("1e20", "100000000000000000000"),
    ] {
        assert_eq!(event(&with("userId", Some(id))).user.as_str(), user);
        assert_eq!(user_id_name(id).and_then(|name| UserId::new(&name)).unwrap().as_str(), user);
    }
    assert_eq!(event(&with("sessionId", Some("\"29.0\""))).session, SessionId::from_number(29));
    assert_eq!(event(&with("sessionId", Some("\"29\""))).session, SessionId::from_number(29));
}

#[test]
fn other_encodings_do_not_invalidate_an_event() {
    assert_eq!(event(&with("artist", Some("\"Etienne de CrÃ©cyÂ \""))).artist.as_deref(), Some("Etienne de CrÃ©cyÂ "));
    let mut line = with("artist", Some("\"Bj?rk\"")).into_bytes();
    let at = line.iter().position(|b| *b == b'?').unwrap();
    line[at] = 0xf6; // Latin-1
    match Line::parse(&line, TIMES) {
        Line::Event(e) => assert_eq!(e.artist.as_deref(), Some("Bj\u{fffd}rk")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_that_are_not_finite_are_missing_values() {
    let line = with("length", Some("NaN"));
    assert_eq!(event(&line).length_ms, None);
    assert_eq!(event(&line.replace("\"NextSong\"", "\"NaN\"")).page, Page::Other);
    assert_eq!(event(&with("registration", Some("-Infinity, \"tags\": [Infinity]"))).registration, None);
    assert!(matches!(parse(&with("ts", Some("NaN"))), Line::Rejected(Rejection::Missing("ts"))));
    assert_eq!(parse(&with("userId", Some("NaN"))), Line::WithoutUser);
}

#[test]
fn page_names_round_trip() {
    for page in Page::ALL {
        assert_eq!(Page::from_name(page.name()), *page);
    }
    assert!(Page::CancellationConfirmation.is_cancellation() && !Page::Downgrade.is_cancellation());
}
