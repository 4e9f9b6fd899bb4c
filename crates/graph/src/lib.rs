//! Module graphs: typed values, a closed set of operators, validation.
