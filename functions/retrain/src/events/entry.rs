//! The content of an event: the change as in the history of the registry, and the reasons of the gate.

use churn_common::aws::Event;
use churn_common::model::card::GateReason;
use churn_common::store::registry::{Action, Change};
use serde::Serialize;
use serde_json::json;

const SOURCE: &str = "churn.retrain";
/// Maximum length of each text in characters, so that an event stays below EventBridge's 256 KiB. The registry has the
/// full texts.
const MAX_TEXT: usize = 2000;

#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    change: Change,
    /// Why the model did not pass the gate; empty if it did, or if the change was manual.
    gate_reasons: Vec<GateReason>,
}

/// The event of a change; `None` for a retirement.
pub fn event(change: &Change, gate_reasons: &[GateReason]) -> Option<Event> {
    let detail_type = match change.action {
        Action::RegisterChallenger => "Churn Model Challenger Registered",
        Action::Promote => "Churn Model Promoted",
        Action::Rollback => "Churn Model Rolled Back",
        Action::Retire => return None,
    };
    let reason = |r: &GateReason| GateReason { kind: r.kind, detail: truncate(&r.detail) };
    let detail = Detail {
        change: Change { actor: truncate(&change.actor), reason: truncate(&change.reason), ..change.clone() },
        gate_reasons: gate_reasons.iter().map(reason).collect(),
    };
    Some(Event { time: change.changed_at, source: SOURCE, detail_type, detail: json!(detail).to_string() })
}

fn truncate(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Timestamp;
    use churn_common::model::ModelVersion;
    use churn_common::model::card::GateReasonKind;
    use serde_json::Value;

    fn change(action: Action, reason: &str) -> Change {
        Change {
            action,
            version: ModelVersion::from_file(b"new"),
            previous_version: Some(ModelVersion::from_file(b"old")),
            changed_at: Timestamp::from_millis(1_764_000_000_123),
            actor: "retrain".into(),
            reason: reason.into(),
            request_id: "2f7e".into(),
        }
    }

    #[test]
    fn event_contains_the_change_and_the_gate_reasons() {
        let reasons = [GateReason { kind: GateReasonKind::LeakageCheck, detail: "a leak".into() }];
        let event = event(&change(Action::RegisterChallenger, "a leak"), &reasons).unwrap();
        assert_eq!((event.source, event.detail_type), ("churn.retrain", "Churn Model Challenger Registered"));
        assert_eq!(event.time, Timestamp::from_millis(1_764_000_000_123));
        let expected = json!({"action": "register_challenger", "version": ModelVersion::from_file(b"new"),
            "previous_version": ModelVersion::from_file(b"old"), "changed_at": "2025-11-24T16:00:00.123Z",
            "actor": "retrain", "reason": "a leak", "request_id": "2f7e",
            "gate_reasons": [{"kind": "leakage_check", "detail": "a leak"}]});
        assert_eq!(serde_json::from_str::<Value>(&event.detail).unwrap(), expected);
    }

    #[test]
    fn every_change_but_a_retirement_has_an_event() {
        let detail_type = |action| event(&change(action, "x"), &[]).map(|event| event.detail_type);
        assert_eq!(detail_type(Action::Promote), Some("Churn Model Promoted"));
        assert_eq!(detail_type(Action::Rollback), Some("Churn Model Rolled Back"));
        assert_eq!(detail_type(Action::Retire), None);
    }

    #[test]
    fn event_size_is_limited() {
        // The character with the longest JSON encoding.
        let long = "\u{1}".repeat(1_000_000);
        let kinds = [
            GateReasonKind::InferiorityNotExcluded,
            GateReasonKind::NotComparable,
            GateReasonKind::Miscalibrated,
            GateReasonKind::LeakageCheck,
            GateReasonKind::ModelQuality,
            GateReasonKind::RollbackHold,
        ];
        let reasons = kinds.map(|kind| GateReason { kind, detail: long.clone() });
        let change = Change { actor: long.clone(), ..change(Action::RegisterChallenger, &long) };
        let size = event(&change, &reasons).unwrap().detail.len();
        assert!((80_000..256 * 1024 - 1000).contains(&size), "{size}");
        assert_eq!(truncate(&"ش".repeat(MAX_TEXT)), "ش".repeat(MAX_TEXT));
        assert_eq!(truncate(&"ش".repeat(MAX_TEXT + 1)), format!("{}…", "ش".repeat(MAX_TEXT)));
    }
}
