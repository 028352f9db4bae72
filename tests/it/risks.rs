//! The table of scored users: conditional writes, and lists by its indexes.

use churn_common::calendar::{Day, Timestamp};
use churn_common::ids::UserId;
use churn_common::model::Risk;
use churn_common::pseudonym::StoredUser;
use churn_common::reasons::Contribution;
use churn_common::risk::{AlertState, Score, UserRisk};
use churn_common::store::risks::{Cursor, Page, RiskList, Risks};
use churn_tests::risk_record::{params, record, score};
use churn_tests::stores;
use std::collections::BTreeSet;

fn day(n: i32) -> Day {
    Day::from_number(20_700 + n)
}

fn user(name: &str) -> StoredUser {
    StoredUser::from_stored(name).unwrap()
}

/// The record of a user after the score of a day.
fn scored(previous: Option<&UserRisk>, name: &str, n: i32, p: f64) -> UserRisk {
    let reason = |value| Contribution { feature: "songs".into(), value, contribution: 1.0 / 3.0 };
    let reasons = vec![reason(Some(0.1)), reason(None)];
    let action = (p >= 0.1).then(|| "watch".into());
    record(previous, &Score { as_of: day(n), reasons, action, ..score(name, p, Timestamp::now()) }, &params())
}

fn names(page: &Page) -> Vec<&str> {
    page.risks.iter().map(|risk| risk.user.as_str()).collect()
}

/// The users of all pages, and their number.
async fn pages(risks: &Risks, level: Risk, limit: u16) -> (Vec<String>, usize) {
    let (mut all, mut n, mut cursor) = (Vec::new(), 0, None::<Cursor>);
    loop {
        let mut list = RiskList::new(risks, [(level, cursor)]);
        all.extend(list.page(limit).await.unwrap().into_iter().map(|risk| risk.user.to_string()));
        n += 1;
        if !list.has_more().await.unwrap() {
            return (all, n);
        }
        cursor = list.into_places().remove(0);
    }
}

#[tokio::test]
async fn record_is_written_and_deleted_at_its_revision_only() {
    let (_stack, stores) = stores().await.unwrap();
    let (risks, id) = (&stores.risks, UserId::new("30").unwrap());
    let first = scored(None, "30", 0, 0.3);
    assert!(risks.put(&first).await.unwrap());
    assert_eq!(risks.get(&id).await.unwrap(), Some(first.clone()));
    assert!(risks.put(&first).await.unwrap(), "the same write again");
    assert!(!risks.put(&scored(None, "30", 1, 0.4)).await.unwrap(), "there is a record");
    let second = scored(Some(&first), "30", 1, 0.05);
    assert!(risks.put(&second).await.unwrap());
    assert!(!risks.put(&scored(Some(&first), "30", 1, 0.5)).await.unwrap(), "the record was written again");
    assert_eq!(risks.get(&id).await.unwrap().as_ref(), Some(&second));
    let found = risks.get_batch(&[user("29"), user("30")]).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(user("30"), second.clone())]);
    assert!(!risks.delete_unchanged(&first).await.unwrap());
    assert!(risks.delete_unchanged(&second).await.unwrap());
    assert!(risks.delete_unchanged(&second).await.unwrap(), "there is none");
    assert!(!risks.put(&scored(Some(&second), "30", 2, 0.3)).await.unwrap(), "the record is gone");
    risks.delete(&id).await.unwrap();
    assert_eq!(risks.get(&id).await.unwrap(), None);
}

#[tokio::test]
async fn users_are_listed_by_level_and_probability() {
    let (_stack, stores) = stores().await.unwrap();
    let risks = &stores.risks;
    // Some probabilities are equal.
    for n in 0..250 {
        assert!(risks.put(&scored(None, &format!("u{n}"), 0, 0.2 + f64::from(n % 50) / 1000.0)).await.unwrap());
    }
    assert!(risks.put(&scored(None, "low", 0, 0.01)).await.unwrap());
    let (all, n) = pages(risks, Risk::High, 60).await;
    assert_eq!((all.iter().collect::<BTreeSet<_>>().len(), all.len(), n), (250, 250, 5));
    let rank = |name: &String| name[1..].parse::<i32>().unwrap() % 50;
    assert!(all.is_sorted_by(|a, b| rank(a) >= rank(b)), "{all:?}");
    assert_eq!(pages(risks, Risk::High, 1000).await, (all, 1));
    assert_eq!(pages(risks, Risk::Low, 10).await.0, ["low"]);
    assert_eq!(pages(risks, Risk::Critical, 10).await, (vec![], 1));
    let mut found = BTreeSet::new();
    for part in 0..3 {
        let mut pages = risks.scan_users(part, 3);
        while let Some(users) = pages.next().await.unwrap() {
            users.into_iter().for_each(|user| assert!(found.insert(user)));
        }
    }
    assert_eq!(found.len(), 251);
}

#[tokio::test]
async fn due_alerts_are_listed_until_they_are_sent() {
    let (_stack, stores) = stores().await.unwrap();
    let risks = &stores.risks;
    let (high, critical) = (scored(None, "high", 0, 0.3), scored(None, "critical", 0, 0.5));
    for risk in [&high, &critical, &scored(None, "low", 0, 0.05)] {
        assert!(risks.put(risk).await.unwrap());
    }
    let due = async || risks.due_alerts(10, None).await.unwrap();
    assert_eq!(names(&due().await), ["critical", "high"]);
    let first = risks.due_alerts(1, None).await.unwrap();
    assert_eq!(names(&first), ["critical"]);
    assert_eq!(names(&risks.due_alerts(1, first.next.as_ref()).await.unwrap()), ["high"]);
    let sent = critical.alert_sent(day(0));
    assert!(risks.put(&sent).await.unwrap());
    assert_eq!(sent.alert.as_ref().unwrap().state(), AlertState::Sent);
    assert!(risks.put(&scored(Some(&high), "high", 1, 0.05)).await.unwrap(), "the user left the risk");
    assert_eq!(names(&due().await), [""; 0]);
    assert_eq!((risks.alerts_sent_on(day(0)).await.unwrap(), risks.alerts_sent_on(day(1)).await.unwrap()), (1, 0));
}
