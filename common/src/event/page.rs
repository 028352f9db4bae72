//! The pages of the product.

macro_rules! pages {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// What the user did, named for the page that the product showed. The order is part of the stored format:
        /// append only.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Page {
            /// Any page that is not listed here.
            Other,
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
        }

        impl Page {
            /// Every page, in the order of the stored format.
            pub const ALL: &[Self] = &[Self::Other, $(Self::$variant),*];

            /// From the name that logs use.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    _ => Self::Other,
                }
            }

            /// The name that logs use.
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
    /// Number of pages.
    pub const COUNT: usize = Self::ALL.len();

    /// Position in [`Page::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the page is part of cancelling: it reveals the label, so no feature may see it.
    pub const fn is_cancelling(self) -> bool {
        matches!(self, Self::Cancel | Self::CancellationConfirmation)
    }
}
