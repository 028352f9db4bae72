//! Summaries of `predict`: one prediction with its reasons, and rows of a table of predictions.

use super::super::text::{Text, count, shorten, words};
use churn_common::calendar::Day;
use churn_common::model::Risk;
use churn_common::model::card::ModelQuality;
use churn_common::payload::IgnoreReason;
use predict::Prediction;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The language of a summary, and of the texts that `predict` returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    #[value(name = "en")]
    English,
    #[value(name = "ar")]
    Arabic,
}

impl Language {
    /// Language tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Arabic => "ar",
        }
    }

    fn pick(self, english: &'static str, arabic: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Arabic => arabic,
        }
    }
}

impl From<Language> for churn_common::language::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::English => Self::English,
            Language::Arabic => Self::Arabic,
        }
    }
}

/// A prediction with its reasons and the recommended action.
pub fn prediction(prediction: &Prediction, language: Language) -> Text {
    let Prediction { user_id, churn_probability, churn_label, threshold, evidence, .. } = prediction;
    let is = |english, arabic| language.pick(english, arabic);
    let mut text = Text::new();
    text.line(0, format!("{} {}", is("User", "المستخدم"), user_id.as_str()));
    if prediction.already_cancelled {
        text.line(2, is("has already cancelled: the probability has no meaning", "ألغى اشتراكه: لا معنى للاحتمال"));
    }
    text.line(
        2,
        format!(
            "{}: {:.1} %{} {}: {}",
            is("churn probability", "احتمال المغادرة"),
            100.0 * churn_probability.get(),
            is(",", "،"),
            is("risk", "مستوى الخطر"),
            risk(prediction.risk_level, language)
        ),
    );
    let (label, limit) = (is("label", "التصنيف"), is("1 from", "1 ابتداءً من"));
    text.line(2, format!("{label}: {churn_label} ({limit} {:.1} %)", 100.0 * threshold.get()));
    text.line(2, format!("{}:", is("reasons", "الأسباب")));
    for reason in &prediction.reasons {
        text.line(4, &reason.text);
    }
    if let Some(action) = &prediction.recommended_action {
        text.line(2, format!("{}: {}", is("recommended action", "الإجراء المقترح"), action.text));
    }
    match language {
        Language::English => text.line(
            2,
            format!(
                "evidence: {} in {} on {} of {} before {}{}",
                count(evidence.events, "event"),
                count(evidence.sessions, "session"),
                evidence.active_days,
                count(evidence.window_days.into(), "day"),
                prediction.as_of,
                if evidence.is_sufficient { "" } else { "; this is too little to rely on" }
            ),
        ),
        Language::Arabic => text.line(
            2,
            format!(
                "البيانات: الأحداث {}، الجلسات {}، أيام النشاط {} من {} قبل {}{}",
                evidence.events,
                evidence.sessions,
                evidence.active_days,
                evidence.window_days,
                prediction.as_of,
                if evidence.is_sufficient { "" } else { "؛ وهي لا تكفي للاعتماد عليها" }
            ),
        ),
    };
    text.line(2, format!("{}: {}", is("model", "النموذج"), prediction.model_version));
    if let Some(warning) = flag(prediction.model_quality, language) {
        text.line(2, format!("{}: {warning}", is("warning", "تنبيه")));
    }
    text
}

/// The part of `GET /users/{id}` that a summary shows.
#[derive(Deserialize)]
pub struct StoredRisk {
    risk_level: Risk,
    level_since: Day,
}

/// The last score of a user as a line below the prediction.
pub fn stored_risk(stored: &StoredRisk, language: Language) -> Text {
    let mut text = Text::new();
    let (score, since) = (language.pick("nightly score", "التقييم اليومي"), language.pick("since", "منذ"));
    text.line(2, format!("{score}: {} {since} {}", risk(stored.risk_level, language), stored.level_since));
    text
}

/// What the flag of a model means; `None` without a flag.
pub fn flag(quality: ModelQuality, language: Language) -> Option<&'static str> {
    match quality {
        ModelQuality::Ok => None,
        ModelQuality::NoBetterThanChance => Some(language.pick(
            "the model ranks users no better than chance: do not act on its probabilities",
            "لا يرتّب النموذج المستخدمين أفضل من الصدفة: لا تعتمد على احتمالاته",
        )),
        ModelQuality::LosesMoney => {
            Some(language.pick(
                "acting on the model costs more than doing nothing",
                "العمل بهذا النموذج يكلّف أكثر من عدم فعل شيء",
            ))
        }
        ModelQuality::Unknown => Some(language.pick(
            "the quality of the model is unknown, because its card cannot be read",
            "جودة النموذج غير معروفة، لأنّ بطاقته لا يمكن قراءتها",
        )),
    }
}

pub(super) fn risk(risk: Risk, language: Language) -> &'static str {
    match risk {
        Risk::Low => language.pick("low", "منخفض"),
        Risk::Medium => language.pick("medium", "متوسط"),
        Risk::High => language.pick("high", "مرتفع"),
        Risk::Critical => language.pick("critical", "حرج"),
    }
}

/// Head of the table of [`prediction_row`]s.
pub fn prediction_table_head() -> String {
    row(["user", "probability", "label", "risk", "events", "sessions", "evidence", "ms"])
}

/// A prediction as a row of a table, with the duration of its request.
pub fn prediction_row(prediction: &Prediction, duration: Duration) -> String {
    let evidence = &prediction.evidence;
    row([
        &shorten(prediction.user_id.as_str(), 10),
        &format!("{:.3}", prediction.churn_probability.get()),
        &prediction.churn_label.to_string(),
        risk(prediction.risk_level, Language::English),
        &evidence.events.to_string(),
        &evidence.sessions.to_string(),
        if evidence.is_sufficient { "sufficient" } else { "insufficient" },
        &format!("{:.1}", duration.as_secs_f64() * 1e3),
    ])
}

/// 80 columns.
fn row([user, probability, label, risk, events, sessions, evidence, ms]: [&str; 8]) -> String {
    format!("    {user:<10} {probability:>11} {label:>5}  {risk:<8} {events:>7} {sessions:>8}  {evidence:<12} {ms:>6}")
}

/// The response of `predict` to an HTTP request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    status_code: u16,
    body: Option<String>,
}

/// What `predict` returns.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Response {
    Http(HttpResponse),
    Ignored { reason: IgnoreReason },
}

pub fn response(response: &Response) -> Text {
    match response {
        Response::Http(response) => http_response(response),
        Response::Ignored { reason } => super::ignored(*reason),
    }
}

fn http_response(response: &HttpResponse) -> Text {
    let body = response.body.as_deref().unwrap_or_default();
    if let Ok(predicted) = serde_json::from_str(body) {
        return prediction(&predicted, Language::English);
    }
    let mut text = Text::new();
    let status = response.status_code;
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(members)) => {
            text.line(0, format!("HTTP status {status}"));
            for (name, value) in &members {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.line(2, format!("{}: {value}", words(name)));
            }
        }
        _ => {
            text.line(0, format!("HTTP status {status} {body}"));
        }
    }
    text
}
