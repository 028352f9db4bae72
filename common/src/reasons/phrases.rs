//! The phrases for features in reasons, in English and Arabic.

use crate::features::COUNT;

/// The phrase for a feature. `{window}` is replaced, for example by "the last 30 days".
#[derive(Debug)]
pub(super) struct Phrase {
    /// Name in the schema.
    pub(super) feature: &'static str,
    pub(super) en: &'static str,
    pub(super) ar: &'static str,
}

impl Phrase {
    /// The feature in plain English, without the window and without explanations in parentheses.
    pub(super) fn plain_name(&self) -> String {
        let name = self.en.replace(", within {window}", "").replace(" in {window}", "");
        name.split_once(" (").map_or(name.as_str(), |(name, _)| name).to_owned()
    }
}

const fn phrase(feature: &'static str, en: &'static str, ar: &'static str) -> Phrase {
    Phrase { feature, en, ar }
}

/// One phrase for each feature, in the order of the schema.
#[rustfmt::skip] // a table: one line per feature
pub(super) const PHRASES: [Phrase; COUNT] = [
    phrase("events", "Actions in {window}", "عدد الأنشطة خلال {window}"),
    phrase("songs", "Songs played in {window}", "عدد الأغاني التي استمع إليها خلال {window}"),
    phrase("listening_minutes", "Minutes of music played in {window}", "عدد دقائق الاستماع خلال {window}"),
    phrase("sessions", "Sessions in {window}", "عدد الجلسات خلال {window}"),
    phrase("active_days", "Days with activity in {window}", "عدد أيام النشاط خلال {window}"),
    phrase("session_minutes_mean", "Average session length in {window}, in minutes", "متوسط مدة الجلسة بالدقائق خلال {window}"),
    phrase("session_minutes_median", "Median session length in {window}, in minutes", "وسيط مدة الجلسة بالدقائق خلال {window}"),
    phrase("session_minutes_std", "Variation of the session length in {window}, in minutes", "تفاوت مدة الجلسات بالدقائق خلال {window}"),
    phrase("session_items_mean", "Average actions per session in {window}", "متوسط عدد الأنشطة في الجلسة خلال {window}"),
    phrase("session_items_median", "Median actions per session in {window}", "وسيط عدد الأنشطة في الجلسة خلال {window}"),
    phrase("session_items_std", "Variation of the actions per session in {window}", "تفاوت عدد الأنشطة بين الجلسات خلال {window}"),
    phrase("session_gap_hours_mean", "Average hours between sessions in {window}", "متوسط الفاصل بين الجلسات بالساعات خلال {window}"),
    phrase("session_gap_hours_median", "Median hours between sessions in {window}", "وسيط الفاصل بين الجلسات بالساعات خلال {window}"),
    phrase("session_gap_hours_std", "Variation of the time between sessions in {window}, in hours", "تفاوت الفاصل بين الجلسات بالساعات خلال {window}"),
    phrase("thumbs_up", "Songs liked in {window}", "عدد الأغاني التي أعجبته خلال {window}"),
    phrase("thumbs_up_per_100_songs", "Songs liked per 100 played in {window}", "عدد الأغاني التي أعجبته من كل 100 أغنية خلال {window}"),
    phrase("thumbs_down", "Songs disliked in {window}", "عدد الأغاني التي لم تعجبه خلال {window}"),
    phrase("thumbs_down_per_100_songs", "Songs disliked per 100 played in {window}", "عدد الأغاني التي لم تعجبه من كل 100 أغنية خلال {window}"),
    phrase("add_to_playlist", "Songs added to playlists in {window}", "عدد الأغاني المضافة إلى قوائم التشغيل خلال {window}"),
    phrase("add_to_playlist_per_100_songs", "Songs added to playlists per 100 played in {window}", "عدد الأغاني المضافة إلى قوائم التشغيل من كل 100 أغنية خلال {window}"),
    phrase("add_friend", "Friends added in {window}", "عدد الأصدقاء المضافين خلال {window}"),
    phrase("add_friend_per_100_songs", "Friends added per 100 songs in {window}", "عدد الأصدقاء المضافين لكل 100 أغنية خلال {window}"),
    phrase("adverts", "Adverts heard in {window}", "عدد الإعلانات التي سمعها خلال {window}"),
    phrase("adverts_per_100_songs", "Adverts heard per 100 songs in {window}", "عدد الإعلانات التي سمعها لكل 100 أغنية خلال {window}"),
    phrase("help", "Visits to the help page in {window}", "عدد زيارات صفحة المساعدة خلال {window}"),
    phrase("help_per_100_songs", "Visits to the help page per 100 songs in {window}", "عدد زيارات صفحة المساعدة لكل 100 أغنية خلال {window}"),
    phrase("errors", "Error pages seen in {window}", "عدد صفحات الخطأ التي ظهرت له خلال {window}"),
    phrase("errors_per_100_songs", "Error pages seen per 100 songs in {window}", "عدد صفحات الخطأ التي ظهرت له لكل 100 أغنية خلال {window}"),
    phrase("settings", "Visits to the settings page in {window}", "عدد زيارات صفحة الإعدادات خلال {window}"),
    phrase("settings_per_100_songs", "Visits to the settings page per 100 songs in {window}", "عدد زيارات صفحة الإعدادات لكل 100 أغنية خلال {window}"),
    phrase("upgrade_visits", "Visits to the upgrade page in {window}", "عدد زيارات صفحة ترقية الاشتراك خلال {window}"),
    phrase("upgrade_visits_per_100_songs", "Visits to the upgrade page per 100 songs in {window}", "عدد زيارات صفحة ترقية الاشتراك لكل 100 أغنية خلال {window}"),
    phrase("downgrade_visits", "Visits to the downgrade page in {window}", "عدد زيارات صفحة خفض الاشتراك خلال {window}"),
    phrase("downgrade_visits_per_100_songs", "Visits to the downgrade page per 100 songs in {window}", "عدد زيارات صفحة خفض الاشتراك لكل 100 أغنية خلال {window}"),
    phrase("upgrades", "Upgrades in {window}", "عدد مرات ترقية الاشتراك خلال {window}"),
    phrase("upgrades_per_100_songs", "Upgrades per 100 songs in {window}", "عدد مرات ترقية الاشتراك لكل 100 أغنية خلال {window}"),
    phrase("downgrades", "Downgrades in {window}", "عدد مرات خفض الاشتراك خلال {window}"),
    phrase("downgrades_per_100_songs", "Downgrades per 100 songs in {window}", "عدد مرات خفض الاشتراك لكل 100 أغنية خلال {window}"),
    phrase("logouts", "Logouts in {window}", "عدد مرات تسجيل الخروج خلال {window}"),
    phrase("logouts_per_100_songs", "Logouts per 100 songs in {window}", "عدد مرات تسجيل الخروج لكل 100 أغنية خلال {window}"),
    phrase("distinct_songs", "Different songs played in {window}", "عدد الأغاني المختلفة التي استمع إليها خلال {window}"),
    phrase("distinct_artists", "Different artists played in {window}", "عدد الفنانين المختلفين الذين استمع إليهم خلال {window}"),
    phrase("repeat_ratio", "Share of repeated songs in {window}", "نسبة الأغاني المكررة خلال {window}"),
    phrase("is_paid", "On the paid plan", "مشترك في الباقة المدفوعة"),
    phrase("paid_share", "Share of activity on the paid plan in {window}", "نسبة النشاط على الباقة المدفوعة خلال {window}"),
    phrase("level_changes", "Plan changes in {window}", "عدد مرات تغيير الباقة خلال {window}"),
    phrase("recency_days", "Days since the last activity", "عدد الأيام منذ آخر نشاط"),
    phrase("tenure_days", "Days since registration", "عدد الأيام منذ التسجيل"),
    phrase("active_day_share", "Share of days with activity since the first event, within {window}", "نسبة أيام النشاط منذ أول حدث خلال {window}"),
    phrase("longest_silence_days", "Longest break between sessions in {window}, in days", "أطول انقطاع بالأيام خلال {window}"),
    phrase("recent_events", "Activity in the last 7 days compared with before (50% = unchanged)", "النشاط في آخر 7 أيام مقارنةً بما قبلها (50% = دون تغيير)"),
    phrase("recent_songs", "Songs in the last 7 days compared with before (50% = unchanged)", "الأغاني في آخر 7 أيام مقارنةً بما قبلها (50% = دون تغيير)"),
    phrase("recent_active_days", "Active days in the last 7 days compared with before (50% = unchanged)", "أيام النشاط في آخر 7 أيام مقارنةً بما قبلها (50% = دون تغيير)"),
    phrase("is_female", "Registered as female", "مسجّل كأنثى"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::SCHEMA;
    use std::collections::BTreeSet;

    #[test]
    fn every_feature_has_a_distinct_phrase_in_both_languages() {
        let names: Vec<_> = PHRASES.iter().map(|p| p.feature).collect();
        assert_eq!(names, SCHEMA.iter().map(|f| f.name).collect::<Vec<_>>());
        assert_eq!(PHRASES.iter().map(|p| p.en).collect::<BTreeSet<_>>().len(), COUNT);
        assert_eq!(PHRASES.iter().map(|p| p.ar).collect::<BTreeSet<_>>().len(), COUNT);
        assert_eq!(PHRASES.iter().map(Phrase::plain_name).collect::<BTreeSet<_>>().len(), COUNT);
        for p in &PHRASES {
            let name = p.plain_name();
            assert!(!name.contains(['{', '(', '_']) && name.len() <= 51, "fits a line of a chart: {name}");
            assert!(p.en.is_ascii() && p.en.starts_with(|c: char| c.is_ascii_uppercase()), "{p:?}");
            assert!(p.ar.starts_with(|c| ('\u{0621}'..='\u{064a}').contains(&c)), "{p:?}");
            assert_eq!(p.en.contains("{window}"), p.ar.contains("{window}"), "{p:?}");
        }
    }
}
