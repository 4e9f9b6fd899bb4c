//! Counts the instructions of the inner loops in the disassembly, because QEMU cannot time them.

use std::path::Path;
use std::process::Command;

use super::tools::{TARGET, Tools};
use crate::Error;
use crate::step::{not_started, succeeds};

/// A loop that must exist, with exactly these multiplications and no access to the stack.
struct Expected {
    backend: &'static str,
    /// What one iteration computes.
    iteration: &'static str,
    counts: &'static [(&'static str, usize)],
}

/// The inner loop of the largest tile of each backend.
const EXPECTED: &[Expected] = &[
    Expected {
        backend: "neon",
        iteration: "3 rows of 64 products",
        counts: &[("smull", 12), ("smlal2", 12), ("sadalp", 12)],
    },
    Expected {
        backend: "neon, weights of -128",
        iteration: "3 rows of 64 products",
        counts: &[("smull", 12), ("smull2", 12), ("sadalp", 24)],
    },
    Expected { backend: "neon-dot", iteration: "5 rows of 256 products", counts: &[("sdot", 80)] },
    Expected { backend: "neon-i8mm", iteration: "6 rows of 128 products", counts: &[("usmmla", 24)] },
];

/// Instructions that multiply quantized values or add products.
const MULTIPLICATIONS: &[&str] =
    &["smull", "smull2", "smlal", "smlal2", "umull", "umlal", "sadalp", "sdot", "usdot", "smmla", "usmmla"];

/// Instructions that only tiles use, and how many of them make a loop a tile's.
const OF_TILES: &[&str] = &["sadalp", "sdot", "usmmla"];
const MIN_IN_TILE: usize = 8;

/// Builds the kernels as they are released, and checks their inner loops.
///
/// # Errors
///
/// [`Error::Step`] if cargo or the disassembler failed, [`Error::Loops`] if a loop is not as it must be,
/// [`Error::Start`].
pub(super) fn check(root: &Path, tools: &Tools, directory: &Path) -> Result<(), Error> {
    let mut build = tools.cargo(root);
    build.args(["build", "--package", "fourfold-kernels", "--lib", "--no-default-features", "--features", "std"]);
    build.args(["--release", "--target", TARGET, "--locked", "--target-dir"]).arg(directory);
    // With link-time optimization a library has no instructions.
    build.env("CARGO_PROFILE_RELEASE_LTO", "off");
    if !succeeds(&mut build)? {
        return Err(Error::Step { step: "build of the kernels for Arm", advice: "fix the errors above" });
    }
    let library = directory.join(TARGET).join("release/libfourfold_kernels.rlib");
    let mut command = Command::new("aarch64-linux-gnu-objdump");
    command.args(["--disassemble", "--no-show-raw-insn"]).arg(library);
    let output = command.output().map_err(|source| not_started(&command, source))?;
    let loops = loops(&String::from_utf8_lossy(&output.stdout));
    if loops.is_empty() {
        return Err(Error::Step {
            step: "disassembly of the kernels",
            advice: "see objdump's message, or run it by hand",
        });
    }
    compare(&loops)
}

/// Compares the loops that were found with those that must be there.
fn compare(loops: &[Loop]) -> Result<(), Error> {
    let mut wrong = Vec::new();
    for Expected { backend, iteration, counts } in EXPECTED {
        let is_it = |found: &&Loop| {
            let of_expected = counts.iter().all(|(name, count)| found.count(name) == *count);
            of_expected && found.multiplications() == counts.iter().map(|(_, count)| count).sum::<usize>()
        };
        match loops.iter().filter(is_it).min_by_key(|found| found.instructions.len()) {
            Some(found) => {
                let listed: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
                let all = found.instructions.len();
                println!("{backend}: {iteration} in a loop of {all} instructions: {}", listed.join(", "));
            }
            None => wrong.push(format!("{backend} has no loop for {iteration} with exactly {counts:?}")),
        }
    }
    let is_tile = |found: &&Loop| OF_TILES.iter().map(|name| found.count(name)).sum::<usize>() >= MIN_IN_TILE;
    let spilling = loops.iter().filter(is_tile).filter(|found| found.uses_stack());
    wrong.extend(spilling.map(|found| format!("the loop at {:x} uses the stack", found.start)));
    if wrong.is_empty() { Ok(()) } else { Err(Error::Loops { wrong }) }
}

/// An innermost loop.
struct Loop {
    start: u64,
    /// Mnemonics and operands.
    instructions: Vec<(String, String)>,
}

impl Loop {
    fn count(&self, name: &str) -> usize {
        self.instructions.iter().filter(|(mnemonic, _)| mnemonic == name).count()
    }

    fn multiplications(&self) -> usize {
        MULTIPLICATIONS.iter().map(|name| self.count(name)).sum()
    }

    fn uses_stack(&self) -> bool {
        self.instructions.iter().any(|(_, operands)| operands.contains("[sp"))
    }
}

/// The loops in a disassembly that multiply and have a single branch, back to their start.
fn loops(disassembly: &str) -> Vec<Loop> {
    let mut found = Vec::new();
    // The instructions since the last branch or the begin of a function; addresses begin anew in each member of the
    // library.
    let mut straight: Vec<(u64, String, String)> = Vec::new();
    for line in disassembly.lines() {
        let Some((address, mnemonic, operands)) = instruction(line) else {
            straight.clear();
            continue;
        };
        let target = branch_target(mnemonic, operands);
        straight.push((address, mnemonic.to_owned(), operands.to_owned()));
        if target.is_none() && mnemonic != "ret" {
            continue;
        }
        if let Some(first) = straight.iter().position(|(address, ..)| Some(*address) == target) {
            let body = straight[first..].iter().map(|(_, mnemonic, operands)| (mnemonic.clone(), operands.clone()));
            let body = Loop { start: straight[first].0, instructions: body.collect() };
            if body.multiplications() > 0 {
                found.push(body);
            }
        }
        straight.clear();
    }
    found
}

/// The address, mnemonic and operands of a line like `  41a0:  sdot  v0.4s, v1.16b, v2.4b[0]`.
fn instruction(line: &str) -> Option<(u64, &str, &str)> {
    let (address, rest) = line.split_once(":\t")?;
    let address = u64::from_str_radix(address.trim(), 16).ok()?;
    let (mnemonic, operands) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    Some((address, mnemonic, operands.trim()))
}

/// Where an instruction branches to.
fn branch_target(mnemonic: &str, operands: &str) -> Option<u64> {
    let branches = mnemonic == "b" || mnemonic.starts_with("b.") || ["cbz", "cbnz", "tbz", "tbnz"].contains(&mnemonic);
    let target = operands.split(" <").next()?.rsplit([',', ' ']).next()?;
    if branches { u64::from_str_radix(target, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
0000000000000000 <tile>:
   0:\tmov\tx8, #0x0
   4:\tldr\tq1, [x1], #16
   8:\tsdot\tv0.4s, v1.16b, v2.4b[0]
   c:\tsubs\tx2, x2, #0x1
  10:\tb.ne\t4 <tile+0x4>  // b.any
  14:\tldr\tq3, [sp, #32]
  18:\tsdot\tv0.4s, v3.16b, v2.4b[1]
  1c:\tcbnz\tx3, 14 <tile+0x14>
  20:\tret
";

    #[test]
    fn loops_end_with_a_branch_back() {
        let found = loops(SAMPLE);
        let starts: Vec<u64> = found.iter().map(|found| found.start).collect();
        assert_eq!(starts, [0x4, 0x14]);
        assert_eq!(found[0].instructions.len(), 4);
        assert_eq!([found[0].count("sdot"), found[0].multiplications()], [1, 1]);
        assert_eq!([found[0].uses_stack(), found[1].uses_stack()], [false, true]);
    }

    #[test]
    fn missing_loops_are_named() {
        let Err(Error::Loops { wrong }) = compare(&loops(SAMPLE)) else { panic!("every loop is missing") };
        assert_eq!(wrong.len(), EXPECTED.len());
        assert!(wrong[2].contains("neon-dot") && wrong[2].contains("80"), "{wrong:?}");
    }
}
