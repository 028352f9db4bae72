//! Pages of the service, states of a visitor, and their representation in the log.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    About,
    AddFriend,
    AddToPlaylist,
    Cancel,
    CancellationConfirmation,
    Downgrade,
    Error,
    Help,
    Home,
    Login,
    Logout,
    NextSong,
    Register,
    RollAdvert,
    SaveSettings,
    Settings,
    SubmitDowngrade,
    SubmitRegistration,
    SubmitUpgrade,
    ThumbsDown,
    ThumbsUp,
    Upgrade,
}

impl Page {
    /// Name, HTTP method and status in the real log; constant per page.
    pub fn wire(self) -> (&'static str, &'static str, u16) {
        match self {
            Self::About => ("About", "GET", 200),
            Self::AddFriend => ("Add Friend", "PUT", 307),
            Self::AddToPlaylist => ("Add to Playlist", "PUT", 200),
            Self::Cancel => ("Cancel", "PUT", 307),
            Self::CancellationConfirmation => ("Cancellation Confirmation", "GET", 200),
            Self::Downgrade => ("Downgrade", "GET", 200),
            Self::Error => ("Error", "GET", 404),
            Self::Help => ("Help", "GET", 200),
            Self::Home => ("Home", "GET", 200),
            Self::Login => ("Login", "PUT", 307),
            Self::Logout => ("Logout", "PUT", 307),
            Self::NextSong => ("NextSong", "PUT", 200),
            Self::Register => ("Register", "GET", 200),
            Self::RollAdvert => ("Roll Advert", "GET", 200),
            Self::SaveSettings => ("Save Settings", "PUT", 307),
            Self::Settings => ("Settings", "GET", 200),
            Self::SubmitDowngrade => ("Submit Downgrade", "PUT", 307),
            Self::SubmitRegistration => ("Submit Registration", "PUT", 307),
            Self::SubmitUpgrade => ("Submit Upgrade", "PUT", 307),
            Self::ThumbsDown => ("Thumbs Down", "PUT", 307),
            Self::ThumbsUp => ("Thumbs Up", "PUT", 307),
            Self::Upgrade => ("Upgrade", "GET", 200),
        }
    }

    /// Whether the status is a redirect. In the real log such a page follows the previous one after one second.
    pub fn redirects(self) -> bool {
        self.wire().2 == 307
    }

    /// How annoyed a visitor of this page is: 0 for most pages, 1 for a thumbs down.
    pub fn annoyance(self) -> f64 {
        match self {
            Self::ThumbsDown | Self::Error => 1.0,
            Self::Help | Self::Downgrade => 0.5,
            Self::RollAdvert => 0.1,
            _ => 0.0,
        }
    }
}

/// State of the visitor. Only logged-in and cancelled visitors have personal fields in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    Cancelled,
    Guest,
    LoggedIn,
    LoggedOut,
}

impl Auth {
    /// Name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "Cancelled",
            Self::Guest => "Guest",
            Self::LoggedIn => "Logged In",
            Self::LoggedOut => "Logged Out",
        }
    }

    /// Whether the log has the visitor's user id and personal fields.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Cancelled | Self::LoggedIn)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Free,
    Paid,
}

impl Level {
    /// Name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Paid => "paid",
        }
    }
}

/// One event of one user, without the fields of the user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// Milliseconds since 1970; whole seconds.
    pub ts: i64,
    /// Position in the session, from 0.
    pub item: u32,
    pub page: Page,
    pub auth: Auth,
    pub level: Level,
    /// Index into the catalogue. Only for `NextSong`.
    pub song: Option<u32>,
}
