//! What is true of an operator whatever its attributes are.

use core::fmt;
use core::ops::{Range, RangeInclusive};

use super::{KINDS, Op, OpKind};

/// Where the parameters of an operator's quantized result come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputParams {
    /// The result has parameters of its own.
    Own,
    /// The result has the parameters of the first operand.
    Shared,
    /// The operator does not run on quantized values.
    Float,
}

/// What is true of an operator whatever its attributes are.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) kind: OpKind,
    /// How many operands it takes.
    pub(crate) operands: RangeInclusive<usize>,
    /// The operands that must be constants, those that are there.
    pub(crate) constants: Range<usize>,
    /// Where the parameters of a quantized result come from.
    pub(crate) output_params: OutputParams,
    /// Whether it runs with `i8` weights and an `f32` input.
    pub(crate) has_dynamic: bool,
    /// Whether it takes floats of other types than `f32`.
    pub(crate) takes_all_floats: bool,
}

impl Facts {
    /// The facts of an operator with one operand.
    pub(crate) const fn new(kind: OpKind, output_params: OutputParams) -> Self {
        let (operands, constants) = (1..=1, 0..0);
        Self { kind, operands, constants, output_params, has_dynamic: false, takes_all_floats: false }
    }

    /// The same with another number of operands.
    pub(crate) const fn operands(self, min: usize, max: usize) -> Self {
        Self { operands: min..=max, ..self }
    }

    /// The same with operands that must be constants.
    pub(crate) const fn constants(self, constants: Range<usize>) -> Self {
        Self { constants, ..self }
    }

    /// The same for an operator that runs with `i8` weights and an `f32` input.
    pub(crate) const fn dynamic(self) -> Self {
        Self { has_dynamic: true, ..self }
    }

    /// The same for an operator that takes floats of every type.
    pub(crate) const fn all_floats(self) -> Self {
        Self { takes_all_floats: true, ..self }
    }
}

impl Op {
    /// The operator without its attributes.
    #[must_use]
    pub fn kind(&self) -> OpKind {
        self.operator().kind()
    }
}

impl OpKind {
    /// Every operator.
    pub const ALL: [OpKind; KINDS.len()] = {
        let mut all = [OpKind::Conv; KINDS.len()];
        let mut index = 0;
        while index < all.len() {
            assert!(KINDS[index].kind as usize == index, "KINDS must have the order of OpKind");
            all[index] = KINDS[index].kind;
            index += 1;
        }
        all
    };

    /// What is true of the operator whatever its attributes are.
    pub(crate) fn facts(self) -> &'static Facts {
        static FACTS: [Facts; KINDS.len()] = KINDS;
        &FACTS[self as usize]
    }

    /// Where the parameters of the result come from when the operands are quantized.
    #[must_use]
    pub fn output_params(self) -> OutputParams {
        self.facts().output_params
    }

    /// Whether the operator can run with `i8` weights and an `f32` input.
    #[must_use]
    pub fn has_dynamic(self) -> bool {
        self.facts().has_dynamic
    }

    /// The operator of that name, as [`OpKind`]'s `Display` writes it.
    #[must_use]
    pub fn by_name(name: &str) -> Option<OpKind> {
        OpKind::ALL.into_iter().find(|kind| kind.to_string() == name)
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
