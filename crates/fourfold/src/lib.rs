//! Neural networks four times smaller, with exact int8 arithmetic on ordinary CPUs.
