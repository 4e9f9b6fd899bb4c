//! Which configuration a node has.

mod matches;
mod order;
mod rule;
#[cfg(test)]
mod tests;

use fourfold_graph::{Graph, Node, OpKind};
use serde::{Deserialize, Serialize};

use crate::{Error, QConfig};
pub(crate) use order::Ordered;
use rule::{Module, ModuleOrder, ObjectType, Pattern, Regex};

/// Gives every node a configuration, or excludes it (PyTorch's `QConfigMapping`).
///
/// The most specific rule counts. From general to specific:
///
/// | rule | applies to | among several |
/// |---|---|---|
/// | `set_global` | every node | the last |
/// | `set_object_type` | the nodes of an operator | the last |
/// | `set_module_name_regex` | the nodes whose names begin with a match | the first |
/// | `set_module_name` | the node of that name, and the nodes inside: `a` is also for `a.b` and `a/b` | the longest name, then the last |
/// | `set_module_name_object_type_order` | one node of an operator inside of a module, by its position | the longest name, then the last |
///
/// `None` excludes. A node that [`QConfigMapping::exclude`] names stays float whatever the rules say.
///
/// ```
/// use fourfold_graph::OpKind;
/// use fourfold_quantize::{QConfig, QConfigMapping};
///
/// let mapping = QConfigMapping::new(QConfig::fourfold())
///     .set_object_type(OpKind::Add, None)
///     .set_module_name_regex("features\\.[0-3]\\.", QConfig::fbgemm())?
///     .set_module_name("classifier", None)
///     .set_module_name_object_type_order("block", OpKind::Conv, 1, QConfig::qnnpack());
/// # Ok::<(), fourfold_quantize::Error>(())
/// ```
///
/// # In a file
///
/// A configuration is the name of a preset, `"float"` for none, or a table of all its fields. Keys that are not known
/// are errors.
///
/// ```
/// # use fourfold_quantize::{QConfig, QConfigMapping};
/// let mapping: QConfigMapping = toml::from_str(r#"
///     global = "x86"
///     object_type = [{ operator = "Add", qconfig = "float" }]
///     module_name_regex = [{ pattern = "features\\.[0-3]\\.", qconfig = "fbgemm" }]
///     module_name_object_type_order = [{ name = "block", operator = "Conv", order = 1, qconfig = "qnnpack" }]
///
///     [[module_name]]
///     name = "classifier"
///     [module_name.qconfig]
///     activation = { observer = { percentile = { percent = 99.9 } }, scheme = "u8_affine" }
///     weight = { observer = "per_channel_min_max", scheme = "i8_symmetric" }
///     dynamic = "per_row"
/// "#)?;
/// # let json = serde_json::to_string(&mapping)?;
/// # assert_eq!(serde_json::from_str::<QConfigMapping>(&json)?, mapping);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QConfigMapping {
    #[serde(with = "rule::choice")]
    global: Option<QConfig>,
    object_type: Vec<ObjectType>,
    module_name_regex: Vec<Pattern>,
    module_name: Vec<Module>,
    module_name_object_type_order: Vec<ModuleOrder>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<Regex>,
}

impl QConfigMapping {
    /// A mapping that gives every node the same configuration.
    #[must_use]
    pub fn new(global: impl Into<Option<QConfig>>) -> Self {
        Self::default().set_global(global)
    }

    /// Sets the configuration of the nodes for which there is no other rule.
    #[must_use]
    pub fn set_global(mut self, qconfig: impl Into<Option<QConfig>>) -> Self {
        self.global = qconfig.into();
        self
    }

    /// Sets the configuration of all nodes of one operator.
    #[must_use]
    pub fn set_object_type(mut self, operator: OpKind, qconfig: impl Into<Option<QConfig>>) -> Self {
        self.object_type.push(ObjectType { operator, qconfig: qconfig.into() });
        self
    }

    /// Sets the configuration of all nodes whose names begin with a match of the regular expression.
    ///
    /// # Errors
    ///
    /// [`Error::Pattern`] if the expression is not valid.
    pub fn set_module_name_regex(mut self, pattern: &str, qconfig: impl Into<Option<QConfig>>) -> Result<Self, Error> {
        self.module_name_regex.push(Pattern { pattern: Regex::new(pattern)?, qconfig: qconfig.into() });
        Ok(self)
    }

    /// Sets the configuration of one node, or of the nodes inside of one module.
    #[must_use]
    pub fn set_module_name(mut self, name: &str, qconfig: impl Into<Option<QConfig>>) -> Self {
        self.module_name.push(Module { name: name.to_owned(), qconfig: qconfig.into() });
        self
    }

    /// Sets the configuration of one node: among the nodes of an operator inside of a module, that with `order` others
    /// before it. The name of the whole graph is empty.
    #[must_use]
    pub fn set_module_name_object_type_order(
        mut self,
        name: &str,
        operator: OpKind,
        order: usize,
        qconfig: impl Into<Option<QConfig>>,
    ) -> Self {
        let (name, qconfig) = (name.to_owned(), qconfig.into());
        self.module_name_object_type_order.push(ModuleOrder { name, operator, order, qconfig });
        self
    }

    /// Keeps all nodes float whose names contain a match of the regular expression. No rule overrides this.
    ///
    /// # Errors
    ///
    /// [`Error::Pattern`] if the expression is not valid.
    pub fn exclude(mut self, pattern: &str) -> Result<Self, Error> {
        self.exclude.push(Regex::new(pattern)?);
        Ok(self)
    }

    /// The configuration of the nodes for which there is no other rule.
    #[must_use]
    pub fn global(&self) -> Option<&QConfig> {
        self.global.as_ref()
    }

    /// The rules of both, of which those of `self` go before those of `other` on the same level.
    #[must_use]
    pub fn before(self, other: QConfigMapping) -> Self {
        Self {
            global: self.global.or(other.global),
            object_type: [other.object_type, self.object_type].concat(),
            module_name_regex: [self.module_name_regex, other.module_name_regex].concat(),
            module_name: [other.module_name, self.module_name].concat(),
            module_name_object_type_order: [other.module_name_object_type_order, self.module_name_object_type_order]
                .concat(),
            exclude: [self.exclude, other.exclude].concat(),
        }
    }

    /// Checks that every configuration can be followed with ranges from calibration, as [`prepare`](crate::prepare)
    /// does.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if one cannot.
    pub fn check_static(&self) -> Result<(), Error> {
        self.qconfigs().try_for_each(QConfig::check_static)
    }

    /// Checks that every configuration can be followed while running, as
    /// [`quantize_dynamic_with`](crate::quantize_dynamic_with) does.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if one cannot.
    pub fn check_dynamic(&self) -> Result<(), Error> {
        let others = |qconfig: &&QConfig| qconfig.weight.scheme.rows().is_none();
        self.qconfigs().filter(others).try_for_each(QConfig::check_dynamic)
    }

    /// The nodes of a graph that the rules by position apply to, for [`QConfigMapping::get`].
    pub(crate) fn ordered<'a>(&'a self, graph: &'a Graph) -> Ordered<'a> {
        Ordered::new(&self.module_name_object_type_order, graph)
    }

    /// The configuration of a node of a graph, or why it is excluded; `ordered` is of the graph.
    pub(crate) fn get<'a>(&'a self, ordered: &Ordered<'a>, node: &Node) -> Result<&'a QConfig, String> {
        let (name, kind) = (node.name(), node.op().kind());
        if let Some(pattern) = self.exclude.iter().find(|pattern| pattern.is_in(name)) {
            return Err(format!("excluded by the expression `{pattern}`"));
        }
        if let Some(rule) = ordered.rule(node) {
            let ModuleOrder { name, order, qconfig, .. } = rule;
            return qconfig.as_ref().ok_or_else(|| format!("{kind} {order} of `{name}` is excluded"));
        }
        let named = self.module_name.iter().filter(|rule| rule::is_inside(name, &rule.name));
        if let Some(rule) = named.max_by_key(|rule| rule.name.len()) {
            return rule.qconfig.as_ref().ok_or_else(|| "excluded by name".to_owned());
        }
        if let Some(rule) = self.module_name_regex.iter().find(|rule| rule.pattern.begins(name)) {
            return rule.qconfig.as_ref().ok_or_else(|| format!("excluded by the expression `{}`", rule.pattern));
        }
        if let Some(rule) = self.object_type.iter().rev().find(|rule| rule.operator == kind) {
            return rule.qconfig.as_ref().ok_or_else(|| format!("{kind} is excluded"));
        }
        self.global.as_ref().ok_or_else(|| "no configuration applies".to_owned())
    }

    /// Every configuration that some rule gives.
    pub(crate) fn qconfigs(&self) -> impl Iterator<Item = &QConfig> {
        let of_types = self.object_type.iter().map(|rule| &rule.qconfig);
        let of_patterns = self.module_name_regex.iter().map(|rule| &rule.qconfig);
        let of_names = self.module_name.iter().map(|rule| &rule.qconfig);
        let of_orders = self.module_name_object_type_order.iter().map(|rule| &rule.qconfig);
        [&self.global].into_iter().chain(of_types).chain(of_patterns).chain(of_names).chain(of_orders).flatten()
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
