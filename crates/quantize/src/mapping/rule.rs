//! The rules of a mapping, each with its form in a file.

use core::fmt;

use fourfold_graph::{Node, OpKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, QConfig};

/// For the nodes of an operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectType {
    #[serde(with = "operator")]
    pub(super) operator: OpKind,
    #[serde(with = "choice")]
    pub(super) qconfig: Option<QConfig>,
}

/// For the nodes whose names begin with a match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pattern {
    pub(super) pattern: Regex,
    #[serde(with = "choice")]
    pub(super) qconfig: Option<QConfig>,
}

/// For a node, or the nodes inside of a module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Module {
    pub(super) name: String,
    #[serde(with = "choice")]
    pub(super) qconfig: Option<QConfig>,
}

/// For one node of an operator inside of a module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleOrder {
    pub(super) name: String,
    #[serde(with = "operator")]
    pub(super) operator: OpKind,
    pub(super) order: usize,
    #[serde(with = "choice")]
    pub(super) qconfig: Option<QConfig>,
}

impl ModuleOrder {
    /// Whether a node is one of those among which the rule's node has its place.
    pub(super) fn counts(&self, node: &Node) -> bool {
        node.op().kind() == self.operator && is_inside(node.name(), &self.name)
    }
}

/// Whether a node is the module, or in it: its name goes on with `.` or `/`. Everything is in the module without a
/// name.
pub(super) fn is_inside(node: &str, module: &str) -> bool {
    let rest = node.strip_prefix(module);
    rest.is_some_and(|rest| module.is_empty() || rest.is_empty() || rest.starts_with(['.', '/']))
}

/// A regular expression that is compared and written as its text.
#[derive(Clone, Debug)]
pub(super) struct Regex(regex::Regex);

impl Regex {
    pub(super) fn new(pattern: &str) -> Result<Self, Error> {
        let invalid = |error: regex::Error| Error::Pattern { pattern: pattern.to_owned(), reason: error.to_string() };
        regex::Regex::new(pattern).map(Self).map_err(invalid)
    }

    /// Whether a name has a match in it.
    pub(super) fn is_in(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// Whether a name begins with a match.
    pub(super) fn begins(&self, name: &str) -> bool {
        self.0.find(name).is_some_and(|found| found.start() == 0)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Serialize for Regex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Regex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

mod operator {
    //! Serde form of an operator: its name.

    use fourfold_graph::OpKind;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(operator: &OpKind, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(operator)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OpKind, D::Error> {
        let name = String::deserialize(deserializer)?;
        OpKind::by_name(&name).ok_or_else(|| {
            let known: Vec<String> = OpKind::ALL.iter().map(ToString::to_string).collect();
            D::Error::custom(format_args!("unknown operator `{name}`, expected one of {}", known.join(", ")))
        })
    }
}

pub(super) mod choice {
    //! Serde form of what a rule gives: the name of a preset, `float`, or a table.

    use serde::{Deserializer, Serialize, Serializer};

    use crate::QConfig;
    use crate::named::name_or_table;

    /// The word for no configuration.
    const FLOAT: &str = "float";

    /// `float` and the names of the presets.
    const NAMES: [&str; QConfig::PRESETS.len() + 1] = {
        let mut names = [FLOAT; QConfig::PRESETS.len() + 1];
        let mut at = 0;
        while at < QConfig::PRESETS.len() {
            names[at + 1] = QConfig::PRESETS[at];
            at += 1;
        }
        names
    };

    pub(crate) fn serialize<S: Serializer>(qconfig: &Option<QConfig>, serializer: S) -> Result<S::Ok, S::Error> {
        match qconfig {
            None => serializer.serialize_str(FLOAT),
            Some(qconfig) => qconfig.serialize(serializer),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<QConfig>, D::Error> {
        let by_name = |name: &str| if name == FLOAT { Some(None) } else { QConfig::preset(name).map(Some) };
        name_or_table::<D, QConfig, Option<QConfig>>(deserializer, by_name, &NAMES)
    }
}
