//! The data check, which must agree with the training.

use super::TrainingFixture;
use retrain::Outcome;
use serde_json::{Value, json};

#[tokio::test]
async fn data_check_agrees_with_the_training() {
    let fixture = TrainingFixture::new(25).await;
    let agree = async |payload: Value| {
        let mut check = payload.clone();
        check["action"] = json!("check");
        let Outcome::Checked(check) = fixture.retrain(check).await.unwrap() else { panic!() };
        match fixture.retrain(payload).await.unwrap() {
            Outcome::NotTrained { reason, detail } => {
                assert_eq!(
                    (check.can_train, check.reason, check.detail.as_ref()),
                    (false, Some(reason), Some(&detail))
                );
            }
            Outcome::Trained(_) => assert!(check.can_train && check.detail.is_none(), "{check:?}"),
            other => panic!("{other:?}"),
        }
        check
    };
    let short = agree(json!({})).await;
    assert!(short.users > 50 && !short.is_reliable, "{short:?}");
    let history = short.requirements[0].to_train.unwrap();
    let (first, last) = short.data_range.unwrap();
    assert_eq!(
        (history.missing, history.expected_on),
        (history.needed - last.since(first) as usize, Some(first.plus(history.needed as i32)))
    );
    // On that day, the history suffices.
    let days = 25 + i64::from(history.expected_on.unwrap().since(last));
    fixture.drop_log(25, days).await;
    let long = agree(json!({})).await;
    assert_eq!(
        (long.data_range.unwrap().1, long.requirements[0].to_train.unwrap().missing),
        (history.expected_on.unwrap(), 0)
    );
    for insufficient in
        [json!({"min_users": 100_000}), json!({"min_rows_per_class": 100_000}), json!({"min_history_days": 60})]
    {
        assert!(!agree(insufficient).await.can_train);
    }
    fixture.drop_log(days, 62).await;
    assert!(agree(json!({})).await.can_train);
    let unknown = fixture.fails(json!({"action": "check", "min_user": 1})).await;
    assert!(unknown.contains("unknown setting \"min_user\""), "{unknown}");
}
