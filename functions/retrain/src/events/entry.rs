//! What an event says: the move as the registry's history has it, and the gate's reasons.

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_eventbridge::types::builders::PutEventsRequestEntryBuilder;
use churn_common::model::card::GateReason;
use churn_common::store::registry::{Action, Move};
use serde::Serialize;
use serde_json::json;

/// Who sends the events.
const SOURCE: &str = "churn.retrain";
/// Most characters of each text that people, or the gate, have written; the registry has it all. EventBridge takes an event
/// of no more than 256 KiB.
const TEXT: usize = 2000;

/// The event's detail.
#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    moved: Move,
    /// Why the gate held the model back; none otherwise.
    reasons: Vec<GateReason>,
}

/// The event that tells of a move, for any bus. There is none of a model that is given up.
pub fn of(moved: &Move, reasons: &[GateReason]) -> Option<PutEventsRequestEntryBuilder> {
    let detail_type = match moved.action {
        Action::Challenge => "Churn Model Challenged",
        Action::Promote => "Churn Model Promoted",
        Action::RollBack => "Churn Model Rolled Back",
        Action::Retire => return None,
    };
    let reason = |r: &GateReason| GateReason { kind: r.kind, detail: cut(&r.detail) };
    let detail = Detail {
        moved: Move { by: cut(&moved.by), why: cut(&moved.why), ..moved.clone() },
        reasons: reasons.iter().map(reason).collect(),
    };
    let entry = PutEventsRequestEntry::builder().source(SOURCE).detail_type(detail_type);
    Some(entry.time(DateTime::from_millis(moved.at.millis())).detail(json!(detail).to_string()))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
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

    fn moved(action: Action, why: &str) -> Move {
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
    fn an_event_is_the_move_with_the_gate_s_reasons() {
        let reasons = [GateReason { kind: GateReasonKind::LeakGuard, detail: "a leak".into() }];
        let entry = of(&moved(Action::Challenge, "a leak"), &reasons).unwrap().build();
        assert_eq!((entry.source(), entry.detail_type()), (Some("churn.retrain"), Some("Churn Model Challenged")));
        assert_eq!((entry.time(), entry.resources().len()), (Some(&DateTime::from_millis(1_764_000_000_123)), 0));
        let expected = json!({"action": "challenge", "version": ModelVersion::from_file(b"new"),
            "replaced": ModelVersion::from_file(b"old"), "at": "2025-11-24T16:00:00.123Z", "by": "retrain", "why": "a leak",
            "request": "2f7e", "reasons": [{"kind": "leak_guard", "detail": "a leak"}]});
        assert_eq!(serde_json::from_str::<Value>(entry.detail().unwrap()).unwrap(), expected);
        let named = |action| of(&moved(action, "x"), &[]).map(|entry| entry.build().detail_type.unwrap());
        assert_eq!(named(Action::Promote).as_deref(), Some("Churn Model Promoted"));
        assert_eq!(named(Action::RollBack).as_deref(), Some("Churn Model Rolled Back"));
        assert_eq!(named(Action::Retire), None);
    }

    #[test]
    fn an_event_is_never_too_large() {
        // What takes most bytes of JSON for a character.
        let long = "\u{1}".repeat(1_000_000);
        let kinds = [
            GateReasonKind::MayBeWorse,
            GateReasonKind::NotComparable,
            GateReasonKind::Miscalibrated,
            GateReasonKind::LeakGuard,
            GateReasonKind::RolledBack,
        ];
        let reasons = kinds.map(|kind| GateReason { kind, detail: long.clone() });
        let moved = Move { by: long.clone(), ..moved(Action::Challenge, &long) };
        let size = of(&moved, &reasons).unwrap().build().detail().unwrap().len();
        assert!((80_000..256 * 1024 - 1000).contains(&size), "{size}");
        assert_eq!(cut(&"ش".repeat(TEXT)), "ش".repeat(TEXT));
        assert_eq!(cut(&"ش".repeat(TEXT + 1)), format!("{}…", "ش".repeat(TEXT)));
    }
}
