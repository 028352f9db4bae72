//! The content of an event: the change as the registry's history records it, and the gate's reasons.

use churn_common::aws::Event;
use churn_common::model::card::GateReason;
use churn_common::store::registry::{Action, Move};
use serde::Serialize;
use serde_json::json;

const SOURCE: &str = "churn.retrain";
/// Most characters of each text that people or the gate have written, so that an event stays below EventBridge's 256 KiB. The
/// registry has the full texts.
const MAX_TEXT: usize = 2000;

/// The event's detail.
#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    change: Move,
    /// Why the gate held the model back; empty if it did not.
    reasons: Vec<GateReason>,
}

/// The event of a change. There is none for a retired model.
pub fn event(change: &Move, reasons: &[GateReason]) -> Option<Event> {
    let detail_type = match change.action {
        Action::Challenge => "Churn Model Challenged",
        Action::Promote => "Churn Model Promoted",
        Action::RollBack => "Churn Model Rolled Back",
        Action::Retire => return None,
    };
    let reason = |r: &GateReason| GateReason { kind: r.kind, detail: truncate(&r.detail) };
    let detail = Detail {
        change: Move { by: truncate(&change.by), why: truncate(&change.why), ..change.clone() },
        reasons: reasons.iter().map(reason).collect(),
    };
    Some(Event { time: change.at, source: SOURCE, detail_type, detail: json!(detail).to_string() })
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

    fn change(action: Action, why: &str) -> Move {
        Move {
            action,
            version: ModelVersion::from_file(b"new"),
            replaced: Some(ModelVersion::from_file(b"old")),
            at: Timestamp::from_millis(1_764_000_000_123),
            by: "retrain".into(),
            why: why.into(),
            request: "2f7e".into(),
        }
    }

    #[test]
    fn an_event_is_the_change_with_the_gates_reasons() {
        let reasons = [GateReason { kind: GateReasonKind::LeakGuard, detail: "a leak".into() }];
        let event = event(&change(Action::Challenge, "a leak"), &reasons).unwrap();
        assert_eq!((event.source, event.detail_type), ("churn.retrain", "Churn Model Challenged"));
        assert_eq!(event.time, Timestamp::from_millis(1_764_000_000_123));
        let expected = json!({"action": "challenge", "version": ModelVersion::from_file(b"new"),
            "replaced": ModelVersion::from_file(b"old"), "at": "2025-11-24T16:00:00.123Z", "by": "retrain", "why": "a leak",
            "request": "2f7e", "reasons": [{"kind": "leak_guard", "detail": "a leak"}]});
        assert_eq!(serde_json::from_str::<Value>(&event.detail).unwrap(), expected);
    }

    #[test]
    fn every_change_has_a_detail_type_except_a_retirement() {
        let detail_type = |action| event(&change(action, "x"), &[]).map(|event| event.detail_type);
        assert_eq!(detail_type(Action::Promote), Some("Churn Model Promoted"));
        assert_eq!(detail_type(Action::RollBack), Some("Churn Model Rolled Back"));
        assert_eq!(detail_type(Action::Retire), None);
    }

    #[test]
    fn an_event_is_never_too_large() {
        // The character with the longest JSON encoding.
        let long = "\u{1}".repeat(1_000_000);
        let kinds = [
            GateReasonKind::MayBeWorse,
            GateReasonKind::NotComparable,
            GateReasonKind::Miscalibrated,
            GateReasonKind::LeakGuard,
            GateReasonKind::RolledBack,
        ];
        let reasons = kinds.map(|kind| GateReason { kind, detail: long.clone() });
        let change = Move { by: long.clone(), ..change(Action::Challenge, &long) };
        let size = event(&change, &reasons).unwrap().detail.len();
        assert!((80_000..256 * 1024 - 1000).contains(&size), "{size}");
        assert_eq!(truncate(&"ش".repeat(MAX_TEXT)), "ش".repeat(MAX_TEXT));
        assert_eq!(truncate(&"ش".repeat(MAX_TEXT + 1)), format!("{}…", "ش".repeat(MAX_TEXT)));
    }
}
