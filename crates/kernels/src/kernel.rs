//! The handle of a backend.

use core::fmt;

use crate::backend::{ALL, Backend};

/// A backend that this CPU can run: holding one proves it, since only those that are supported are given out, so every
/// method is safe.
#[derive(Clone, Copy)]
pub struct Kernel(pub(crate) &'static Backend);

impl Kernel {
    /// The fastest backend that this CPU can run.
    ///
    /// Without the feature `std` it is the fastest one whose instructions the compiler was told to use.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(feature = "std")]
        {
            static DETECTED: std::sync::OnceLock<Kernel> = std::sync::OnceLock::new();
            *DETECTED.get_or_init(Self::fastest)
        }
        #[cfg(not(feature = "std"))]
        Self::fastest()
    }

    fn fastest() -> Self {
        Self::supported().find(|kernel| (kernel.0.is_fast)()).unwrap_or(Self(&ALL[ALL.len() - 1]))
    }

    /// Every backend that this CPU can run, those with larger instructions first; the last is `portable`.
    pub fn supported() -> impl Iterator<Item = Self> {
        ALL.iter().filter(|backend| (backend.is_supported)()).map(Self)
    }

    /// The backend of that name, `None` if there is none or this CPU cannot run it.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::supported().find(|kernel| kernel.name() == name)
    }

    /// The names of all backends for this architecture, whether this CPU can run them or not.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|backend| backend.name)
    }

    /// The name, for example `"avx512-vnni"`, `"neon-dot"` or `"portable"`; [`Kernel::names`] lists all.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Kernel {}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kernel").field(&self.name()).finish()
    }
}
