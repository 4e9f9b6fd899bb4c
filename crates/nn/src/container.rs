//! Modules made of modules.

use core::fmt;

use fourfold_graph::{Op, ValueId};

use crate::{Builder, Error, Module};

/// `nn.Sequential`: modules one after another, each with the result of the one before.
#[derive(Default)]
pub struct Sequential {
    modules: Vec<(String, Box<dyn Module>)>,
}

impl Sequential {
    /// No modules, which pass the operand on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a module that is named by its index: `0`, `1`, and so on.
    #[must_use]
    pub fn push(self, module: impl Module + 'static) -> Self {
        let name = self.modules.len().to_string();
        self.push_named(&name, module)
    }

    /// Adds a module with a name of its own, as an `OrderedDict` gives it.
    #[must_use]
    pub fn push_named(mut self, name: &str, module: impl Module + 'static) -> Self {
        self.modules.push((name.to_owned(), Box::new(module)));
        self
    }
}

impl Module for Sequential {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        self.modules.iter().try_fold(x, |x, (name, module)| builder.apply(name, module, x))
    }
}

impl fmt::Debug for Sequential {
    /// The names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.modules.iter().map(|(name, _)| name)).finish()
    }
}

/// `module(x) + x`, or `module(x) + shortcut(x)`.
pub struct Residual {
    name: String,
    module: Box<dyn Module>,
    shortcut: Option<(String, Box<dyn Module>)>,
}

impl Residual {
    /// The module and the name of its attribute in PyTorch; empty if the parameters are those of the block itself.
    #[must_use]
    pub fn new(name: &str, module: impl Module + 'static) -> Self {
        Self { name: name.to_owned(), module: Box::new(module), shortcut: None }
    }

    /// The same with a module on the shortcut, such as the `downsample` of a ResNet.
    #[must_use]
    pub fn shortcut(self, name: &str, module: impl Module + 'static) -> Self {
        Self { shortcut: Some((name.to_owned(), Box::new(module))), ..self }
    }
}

impl Module for Residual {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let y = builder.apply(&self.name, &self.module, x)?;
        let x = match &self.shortcut {
            Some((name, module)) => builder.apply(name, module, x)?,
            None => x,
        };
        builder.add(y, x)
    }
}

impl fmt::Debug for Residual {
    /// The names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortcut = self.shortcut.as_ref().map(|(name, _)| name);
        f.debug_struct("Residual").field("name", &self.name).field("shortcut", &shortcut).finish()
    }
}

/// `nn.Flatten(start_dim=1)`: all axes but the first become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten;

impl Module for Flatten {
    fn forward(&self, builder: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        builder.node(Op::Flatten(fourfold_graph::Flatten { axis: 1 }), &[x])
    }
}
