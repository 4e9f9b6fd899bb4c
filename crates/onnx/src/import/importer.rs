//! The rooms of the importer, each with private fields and methods of its own.
//!
//! ```text
//! names <- constants <- emission <- reading <- weights <- patterns <- operators <- run
//! ```
//!
//! A room uses those to the left of it, never one to its right.

use std::collections::BTreeSet;

use fourfold_graph::Limits;

use super::constants::Constants;
use super::emission::Emission;
use super::names::Names;
use super::patterns::Patterns;
use super::weights::Weights;
use crate::model::floats::Border;

/// The rooms of the importer.
pub(super) struct Importer<'a> {
    pub(super) names: Names<'a>,
    pub(super) constants: Constants<'a>,
    pub(super) emission: Emission<'a>,
    pub(super) weights: Weights<'a>,
    pub(super) patterns: Patterns<'a>,
    /// What changes on the way in and may change results.
    pub(super) notes: BTreeSet<String>,
}

impl<'a> Importer<'a> {
    /// Empty rooms behind these names.
    pub(super) fn of(names: Names<'a>, limits: &Limits, border: &'a Border, name: &str) -> Self {
        Self {
            names,
            constants: Constants::new(limits.clone(), border),
            emission: Emission::new(name, limits.clone()),
            weights: Weights::default(),
            patterns: Patterns::default(),
            notes: BTreeSet::new(),
        }
    }

    /// Says something of the model that its user should know; the same thing once.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.insert(text.into());
    }
}
