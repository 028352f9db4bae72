//! The event of a changed object, which the server sends to the notifier.

use time::OffsetDateTime;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Put,
    Copy,
    CompleteMultipartUpload,
    /// `DeleteObject` or `DeleteObjects`.
    Delete,
}

impl EventKind {
    /// Event name as in S3 notifications.
    pub fn name(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::Copy => "ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Self::Delete => "ObjectRemoved:Delete",
        }
    }
}

/// One successful change of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    pub kind: EventKind,
    pub bucket: String,
    /// Not URL-encoded.
    pub key: String,
    /// Size in bytes; 0 for a removal.
    pub size: u64,
    /// ETag without quotes; empty for a removal.
    pub etag: String,
    /// Orders the events of one key: a later change has a greater value (fixed-width upper-case hex).
    pub sequencer: String,
    pub time: OffsetDateTime,
}
