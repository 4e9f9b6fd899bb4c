//! The CPUs that QEMU emulates, and the kernel backend that each must select.

use std::path::Path;

use super::tools::Tools;
use crate::Error;
use crate::step::not_started;

/// A CPU as QEMU knows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cpu {
    /// QEMU's name.
    pub(super) name: &'static str,
    /// The backend that it must select.
    pub(super) backend: &'static str,
}

/// One CPU for each backend: NEON alone, with dot products, with int8 matrix products.
pub(super) const CPUS: &[Cpu] = &[
    Cpu { name: "cortex-a53", backend: "neon" },
    Cpu { name: "cortex-a76", backend: "neon-dot" },
    Cpu { name: "max", backend: "neon-i8mm" },
];

impl Cpu {
    /// The CPU of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] with the names that there are.
    pub(super) fn by_name(name: &str) -> Result<&'static Self, Error> {
        CPUS.iter().find(|cpu| cpu.name == name).ok_or_else(|| {
            let names: Vec<&str> = CPUS.iter().map(|cpu| cpu.name).collect();
            Error::Usage { what: format!("no CPU {name:?} to test on; there are: {}", names.join(", ")) }
        })
    }

    fn expect(&self, found: &str) -> Result<(), Error> {
        if found == self.backend {
            Ok(())
        } else {
            Err(Error::Backend { cpu: self.name, expected: self.backend, found: found.into() })
        }
    }
}

/// Prints the backend that each of `cpus` selects: what `example`, built from `crates/kernels/examples/backend.rs`,
/// says.
///
/// # Errors
///
/// [`Error::Backend`] of the first CPU that selects another backend than its own, [`Error::Step`] if the example
/// failed, [`Error::Start`].
pub(super) fn check(tools: &Tools, example: &Path, cpus: &[&Cpu]) -> Result<(), Error> {
    let mut checked = Ok(());
    for cpu in cpus {
        let mut command = tools.emulate(cpu.name, example);
        let output = command.output().map_err(|source| not_started(&command, source))?;
        if !output.status.success() {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            let advice = "see QEMU's message above; `-cpu max` and `-cpu cortex-a76` need QEMU 7.1 or newer";
            return Err(Error::Step { step: "detection of the backend under QEMU", advice });
        }
        let found = String::from_utf8_lossy(&output.stdout);
        println!("{} selects the backend {}", cpu.name, found.trim());
        checked = checked.and(cpu.expect(found.trim()));
    }
    checked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_backend_is_an_error_that_names_both() {
        let cpu = Cpu::by_name("cortex-a76").expect("in the table");
        assert!(cpu.expect("neon-dot").is_ok());
        let message = cpu.expect("portable").expect_err("not the one").to_string();
        for word in ["cortex-a76", "`portable`", "`neon-dot`", "crates/kernels/src/backend.rs"] {
            assert!(message.contains(word), "no {word} in {message}");
        }
    }
}
