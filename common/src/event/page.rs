//! The pages of the product, which are the types of events.

macro_rules! pages {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// The page of an event. The order is part of the stored format: only append.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Page {
            /// A page that is not in this list.
            Other,
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
        }

        impl Page {
            /// All pages, in the order of the stored format.
            pub const ALL: &[Self] = &[Self::Other, $(Self::$variant),*];

            /// The page with this name in logs.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    _ => Self::Other,
                }
            }

            /// The name in logs.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Other => "Other",
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

pages! {
    NextSong = "NextSong",
    ThumbsUp = "Thumbs Up",
    ThumbsDown = "Thumbs Down",
    AddToPlaylist = "Add to Playlist",
    AddFriend = "Add Friend",
    RollAdvert = "Roll Advert",
    Home = "Home",
    Login = "Login",
    Logout = "Logout",
    Help = "Help",
    Error = "Error",
    About = "About",
    Settings = "Settings",
    SaveSettings = "Save Settings",
    Upgrade = "Upgrade",
    SubmitUpgrade = "Submit Upgrade",
    Downgrade = "Downgrade",
    SubmitDowngrade = "Submit Downgrade",
    Register = "Register",
    SubmitRegistration = "Submit Registration",
    Cancel = "Cancel",
    CancellationConfirmation = "Cancellation Confirmation",
}

impl Page {
    pub const COUNT: usize = Self::ALL.len();

    /// Position in [`Page::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the page is part of a cancellation. It reveals the label, so features do not use it.
    pub const fn is_cancellation(self) -> bool {
        matches!(self, Self::Cancel | Self::CancellationConfirmation)
    }
}
