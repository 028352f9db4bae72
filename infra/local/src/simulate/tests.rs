//! Properties of the simulated log: order, fields, page shares, cancellations and their predictability.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::params::DAY_MS;
use super::*;

/// Share of each page in the 281,572 rows of the real log (`mini`), in per mille, and the largest accepted ratio to it.
const REAL_MIX: [(&str, f64, f64); 20] = [
    ("NextSong", 792.86, 1.03),
    ("Home", 50.50, 1.15),
    ("Thumbs Up", 45.19, 1.15),
    ("Add to Playlist", 23.15, 1.15),
    ("Roll Advert", 15.00, 1.4),
    ("Add Friend", 14.37, 1.25),
    ("Logout", 11.02, 1.25),
    ("Login", 11.02, 1.25),
    ("Thumbs Down", 9.29, 1.25),
    ("Downgrade", 6.66, 1.3),
    ("Help", 5.98, 1.25),
    ("Settings", 5.87, 1.25),
    ("About", 3.52, 1.25),
    ("Upgrade", 1.94, 1.5),
    ("Save Settings", 1.16, 1.3),
    ("Error", 1.07, 1.4),
    ("Submit Upgrade", 0.64, 1.6),
    ("Submit Downgrade", 0.32, 1.6),
    ("Cancel", 0.19, 1.6),
    ("Cancellation Confirmation", 0.19, 1.6),
];

fn log(params: SimulateParams) -> (Summary, Vec<u8>) {
    let mut out = Vec::new();
    let summary = simulate(&params.check().unwrap(), &mut out, |_| ()).unwrap();
    (summary, out)
}

/// The fields of a line that most tests read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    ts: i64,
    user_id: String,
    session_id: u32,
    page: String,
    auth: String,
    item_in_session: u32,
    registration: Option<i64>,
}

fn rows(log: &[u8]) -> impl Iterator<Item = Row> {
    log.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_machine() {
    let (_, first) = log(SimulateParams::new(20, 20, 7));
    assert_eq!(sha256(&first), "bc78f8ee9bcaa5bbc9e3994ab6c65cccabef5788ef52bc13297d45ac1cffb50c");
    assert_ne!(first, log(SimulateParams::new(20, 20, 8)).1);
}

#[test]
fn progress_and_summary_match_the_log() {
    let params = SimulateParams::new(60, 30, 1).check().unwrap();
    let (mut out, mut progress) = (Vec::new(), Vec::new());
    let summary = simulate(&params, &mut out, |events| progress.push(events)).unwrap();
    let times: Vec<i64> = rows(&out).map(|row| row.ts).collect();
    let cancelled = rows(&out).filter(|row| row.page == "Cancellation Confirmation").count();
    assert_eq!(summary.bytes, out.len() as u64);
    assert_eq!(summary.events, times.len() as u64);
    assert_eq!(summary.cancelled as usize, cancelled);
    assert_eq!((summary.first_ts, summary.last_ts), (times.first().copied(), times.last().copied()));
    assert!(times.is_sorted() && times[0] >= DEFAULT_START_MS && times[times.len() - 1] < params.end_ms());
    assert_eq!(progress[0], PROGRESS_EVERY);
    assert_eq!(progress[progress.len() - 1], summary.events);
}

#[test]
fn write_error_has_the_number_of_events() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let params = SimulateParams::new(5, 10, 1).check().unwrap();
    let error = simulate(&params, &mut Full, |_| ()).unwrap_err().to_string();
    assert!(error.contains("after 0 events"), "{error}");
}

#[test]
fn field_order_and_types_match_the_real_log() {
    const HEAD: &str =
        r#"{"ts":1,"userId":"","sessionId":1,"page":"","auth":"","method":"","status":1,"level":"","itemInSession":1"#;
    const WHO: &str = r#","location":"","userAgent":"","lastName":"","firstName":"","registration":1,"gender":"""#;
    const SONG: &str = r#","artist":"","song":"","length":1"#;
    let (_, log) = log(SimulateParams::new(40, 30, 2));
    let mut shapes = HashSet::new();
    for line in log.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let row: Value = serde_json::from_slice(line).unwrap();
        let known = matches!(row["auth"].as_str().unwrap(), "Logged In" | "Cancelled");
        assert_eq!(row["userId"].as_str().unwrap().is_empty(), !known);
        assert_eq!(row["page"] == "NextSong", row["length"].is_f64());
        shapes.insert(shape(std::str::from_utf8(line).unwrap()));
    }
    let expected = [HEAD.to_owned(), format!("{HEAD}{WHO}"), format!("{HEAD}{WHO}{SONG}")].map(|head| head + "}");
    assert_eq!(shapes, HashSet::from(expected));
}

/// The line with every string value emptied and every number replaced by 1.
fn shape(line: &str) -> String {
    let (mut out, mut chars) = (String::new(), line.chars().peekable());
    let mut is_value = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push('"');
                while let Some(inside) = chars.next().filter(|&inside| inside != '"') {
                    if inside == '\\' {
                        chars.next();
                    }
                    if !is_value {
                        out.push(inside);
                    }
                }
                out.push('"');
            }
            '0'..='9' => {
                while chars.next_if(|&next| next.is_ascii_digit() || next == '.').is_some() {}
                out.push('1');
            }
            _ => out.push(c),
        }
        is_value = c == ':';
    }
    out
}

#[test]
fn items_increase_and_a_confirmation_is_the_last_event() {
    let (summary, log) = log(SimulateParams::new(300, 60, 3));
    let (mut items, mut gone) = (HashMap::new(), HashSet::new());
    let mut users_of = HashMap::<u32, HashSet<String>>::new();
    for row in rows(&log) {
        let (user, session) = (row.user_id, row.session_id);
        if user.is_empty() {
            continue;
        }
        assert!(!gone.contains(&user));
        let item = row.item_in_session;
        if let Some(before) = items.insert((user.clone(), session), item) {
            assert!(item > before);
        }
        assert!(row.registration.is_some_and(|registration| registration <= row.ts));
        users_of.entry(session).or_default().insert(user.clone());
        if row.page == "Cancellation Confirmation" {
            assert_eq!(row.auth, "Cancelled");
            gone.insert(user);
        }
    }
    assert_eq!(gone.len(), summary.cancelled as usize);
    assert!(users_of.values().any(|users| users.len() > 1), "session ids are shared across users, as in the real log");
}

#[test]
fn pages_cancellations_and_volume_resemble_the_real_log() {
    let (summary, log) = log(SimulateParams::new(400, 60, 4));
    let (mut counts, mut unknown) = (HashMap::<String, f64>::new(), 0.0);
    for row in rows(&log) {
        *counts.entry(row.page).or_default() += 1.0;
        unknown += f64::from(u8::from(row.user_id.is_empty()));
    }
    let all = summary.events as f64;
    for (page, real, factor) in REAL_MIX {
        let ratio = counts.get(page).copied().unwrap_or(0.0) / all * 1_000.0 / real;
        assert!(ratio < factor && ratio > 1.0 / factor, "{page}: {ratio:.2} times the real share");
    }
    assert!(counts.contains_key("Register") && counts.contains_key("Submit Registration"));
    let cancelled = f64::from(summary.cancelled) / f64::from(summary.users);
    assert!((0.18..0.28).contains(&cancelled), "{cancelled:.3} cancelled; the real log has 0.236 in 63 days");
    assert!((0.02..0.04).contains(&(unknown / all)), "{:.4} without a user; the real log has 0.0288", unknown / all);
    let per_user_day = all / (400.0 * 60.0);
    assert!((16.0..24.0).contains(&per_user_day), "{per_user_day:.1} events per user and day; the real log has 19.9");
}

#[test]
fn activity_follows_its_parameter() {
    let few = SimulateParams { events_per_user_day: 2.4, ..SimulateParams::new(500, 60, 5) };
    let per_user_day = log(few).0.events as f64 / (500.0 * 60.0);
    assert!((1.9..2.9).contains(&per_user_day), "{per_user_day:.2}");
}

/// ROC-AUC of a simple score of the 14 days before day 42 for cancellations in the 14 days after it. With 8 % of 2,000 users
/// its standard error is about 0.025.
#[test]
fn cancellations_are_predictable_but_not_exactly() {
    let cutoff = DEFAULT_START_MS + 42 * DAY_MS;
    let (_, log) = log(SimulateParams { events_per_user_day: 4.0, ..SimulateParams::new(2_000, 56, 6) });
    #[derive(Default)]
    struct Seen {
        songs: f64,
        down: f64,
        days_since: f64,
        cancels: bool,
        gone: bool,
    }
    let mut users = HashMap::<String, Seen>::new();
    for row in rows(&log) {
        let (user, page) = (row.user_id.as_str(), row.page.as_str());
        if user.is_empty() {
            continue;
        }
        let seen = users.entry(user.to_owned()).or_default();
        let days = (cutoff - row.ts) as f64 / DAY_MS as f64;
        if days <= 0.0 {
            seen.cancels |= page == "Cancellation Confirmation";
            continue;
        }
        seen.gone |= page == "Cancellation Confirmation";
        seen.days_since = days;
        if days < 14.0 {
            seen.songs += f64::from(u8::from(page == "NextSong"));
            seen.down += f64::from(u8::from(page == "Thumbs Down"));
        }
    }
    let score = |seen: &Seen| (seen.down + 0.3) / (seen.songs + 30.0) * 40.0 + seen.days_since.min(14.0) / 14.0;
    let (churned, retained): (Vec<&Seen>, Vec<&Seen>) =
        users.values().filter(|seen| !seen.gone).partition(|seen| seen.cancels);
    let wins: f64 = churned
        .iter()
        .flat_map(|a| retained.iter().map(move |b| (score(a), score(b))))
        .map(|(a, b)| f64::from(u8::from(a > b)))
        .sum();
    let auc = wins / (churned.len() * retained.len()) as f64;
    assert!((0.6..0.8).contains(&auc), "AUC {auc:.3} of {} and {}", churned.len(), retained.len());
}

#[test]
fn extension_selects_the_compression() {
    use std::io::Read as _;
    let folder = std::env::temp_dir().join(format!("churn-simulate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let params = SimulateParams::new(5, 20, 1);
    let expected = log(params.clone()).1;
    for name in ["log.json", "log.json.gz", "log.json.zst"] {
        let path = folder.join(name);
        let mut file = LogFile::create(&path).unwrap();
        simulate(&params.clone().check().unwrap(), &mut file, |_| ()).unwrap();
        file.finish().unwrap();
        let (stored, mut read) = (std::fs::File::open(&path).unwrap(), Vec::new());
        match name {
            "log.json" => io::BufReader::new(stored).read_to_end(&mut read).unwrap(),
            "log.json.gz" => flate2::read::GzDecoder::new(stored).read_to_end(&mut read).unwrap(),
            _ => zstd::stream::read::Decoder::new(stored).unwrap().read_to_end(&mut read).unwrap(),
        };
        assert!(read == expected, "{name} differs");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(LogFile::create(&folder.join("none/log.json")).err().unwrap().to_string().contains("cannot create"));
}

#[test]
fn only_users_with_offers_cancel_less_often() {
    let days = |day: i64| DEFAULT_START_MS + day * DAY_MS;
    let offered: std::collections::BTreeMap<u32, Vec<i64>> = (1..=200).map(|id| (id, vec![days(20)])).collect();
    let with = |effect| {
        let offers = Offers { effect, sent: offered.clone() };
        log(SimulateParams { events_per_user_day: 2.0, offers, ..SimulateParams::new(400, 60, 9) })
    };
    let without = log(SimulateParams { events_per_user_day: 2.0, ..SimulateParams::new(400, 60, 9) });
    let (summary, unaffected) = with(0.0);
    assert!(unaffected == without.1);
    assert!(summary.offers.len() > 100 && summary.offers.iter().all(|offer| offer.ts == days(20) && !offer.accepted));
    let (summary, kept) = with(1.0);
    assert!(summary.offers.len() > 100 && summary.offers.iter().all(|offer| offer.accepted));
    let cancelled = |log: &[u8], users: std::ops::RangeInclusive<u32>, from: i64, to: i64| {
        let is_one = |row: &Row| {
            row.page == "Cancellation Confirmation"
                && row.user_id.parse().is_ok_and(|user| users.contains(&user))
                && (days(from)..days(to)).contains(&row.ts)
        };
        rows(log).filter(is_one).count()
    };
    assert!(cancelled(&without.1, 1..=200, 20, 50) > 10);
    assert_eq!(cancelled(&kept, 1..=200, 20, 50), 0);
    assert!(cancelled(&kept, 1..=200, 50, 60) > 0, "an offer works for 30 days");
    let others = |log: &[u8]| {
        let unchanged = |row: &Row| row.ts < days(20) || row.user_id.parse().is_ok_and(|user: u32| user > 200);
        rows(log).filter(unchanged).map(|row| (row.ts, row.user_id, row.page)).collect::<Vec<_>>()
    };
    assert!(others(&kept) == others(&without.1));
}
