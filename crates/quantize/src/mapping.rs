//! Which configuration a node has.

use fourfold_graph::{Node, OpKind};
use regex::Regex;

use crate::{Error, QConfig};

/// Gives every node a configuration, or excludes it (PyTorch's `QConfigMapping`).
///
/// The most specific rule counts: the node's name, else the first regular expression that matches its name, else its
/// operator, else the global configuration. `None` excludes.
///
/// ```
/// use fourfold_graph::OpKind;
/// use fourfold_quantize::{QConfig, QConfigMapping};
///
/// let mapping = QConfigMapping::new(QConfig::fourfold())
///     .set_kind(OpKind::Add, None)
///     .set_name_regex("features\\.[0-3]\\.", QConfig::fbgemm())?
///     .set_name("classifier", None);
/// # Ok::<(), fourfold_quantize::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct QConfigMapping {
    global: Option<QConfig>,
    kinds: Vec<(OpKind, Option<QConfig>)>,
    regexes: Vec<(Regex, Option<QConfig>)>,
    names: Vec<(String, Option<QConfig>)>,
}

impl QConfigMapping {
    /// A mapping that gives every node the same configuration.
    #[must_use]
    pub fn new(global: impl Into<Option<QConfig>>) -> Self {
        Self { global: global.into(), ..Self::default() }
    }

    /// Sets the configuration of all nodes of one operator.
    #[must_use]
    pub fn set_kind(mut self, kind: OpKind, qconfig: impl Into<Option<QConfig>>) -> Self {
        self.kinds.push((kind, qconfig.into()));
        self
    }

    /// Sets the configuration of all nodes whose names begin with a match of the regular expression, as PyTorch does.
    ///
    /// Among several expressions the one set first counts.
    ///
    /// # Errors
    ///
    /// [`Error::Pattern`] if the expression is not valid.
    pub fn set_name_regex(mut self, pattern: &str, qconfig: impl Into<Option<QConfig>>) -> Result<Self, Error> {
        let invalid = |error: regex::Error| Error::Pattern { pattern: pattern.to_owned(), reason: error.to_string() };
        let regex = Regex::new(pattern).map_err(invalid)?;
        self.regexes.push((regex, qconfig.into()));
        Ok(self)
    }

    /// Sets the configuration of one node.
    #[must_use]
    pub fn set_name(mut self, name: &str, qconfig: impl Into<Option<QConfig>>) -> Self {
        self.names.push((name.to_owned(), qconfig.into()));
        self
    }

    /// The configuration of a node, or why it is excluded.
    pub(crate) fn get(&self, node: &Node) -> Result<&QConfig, String> {
        let name = node.name();
        if let Some((_, qconfig)) = self.names.iter().rev().find(|(known, _)| known == name) {
            return qconfig.as_ref().ok_or_else(|| "excluded by name".to_owned());
        }
        let begins = |regex: &Regex| regex.find(name).is_some_and(|found| found.start() == 0);
        if let Some((regex, qconfig)) = self.regexes.iter().find(|(regex, _)| begins(regex)) {
            return qconfig.as_ref().ok_or_else(|| format!("excluded by the expression `{regex}`"));
        }
        let kind = node.op().kind();
        if let Some((_, qconfig)) = self.kinds.iter().rev().find(|(known, _)| *known == kind) {
            return qconfig.as_ref().ok_or_else(|| format!("{kind} is excluded"));
        }
        self.global.as_ref().ok_or_else(|| "no configuration applies".to_owned())
    }

    /// Checks every configuration.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let of_kinds = self.kinds.iter().map(|(_, qconfig)| qconfig);
        let of_names = self.names.iter().map(|(_, qconfig)| qconfig);
        let all = self.regexes.iter().map(|(_, qconfig)| qconfig).chain(of_kinds).chain(of_names).chain([&self.global]);
        all.flatten().try_for_each(QConfig::check)
    }
}

impl From<QConfig> for QConfigMapping {
    fn from(qconfig: QConfig) -> Self {
        Self::new(qconfig)
    }
}

impl From<&QConfig> for QConfigMapping {
    fn from(qconfig: &QConfig) -> Self {
        Self::new(*qconfig)
    }
}

impl From<&QConfigMapping> for QConfigMapping {
    fn from(mapping: &QConfigMapping) -> Self {
        mapping.clone()
    }
}
