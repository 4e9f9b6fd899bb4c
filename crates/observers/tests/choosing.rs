//! The tables of "Choosing an observer" are what is measured.

#[path = "../examples/choosing/measure.rs"]
mod measure;

/// The numbers of the tables, row after row, and everything else.
fn numbers(tables: &str) -> (Vec<f64>, Vec<&str>) {
    let cells = tables.lines().filter(|line| line.starts_with("| ")).flat_map(|line| line.split('|').map(str::trim));
    let (numbers, words): (Vec<&str>, Vec<&str>) = cells.partition(|cell| cell.parse::<f64>().is_ok());
    (numbers.iter().map(|cell| cell.parse().expect("a number")).collect(), words)
}

/// Within 0.1 dB, because logarithms and cosines of the generator may differ in the last bit from one system to
/// another.
#[test]
fn the_tables_are_current() {
    let measured = measure::tables();
    let text = include_str!("../src/choosing.md").split("\n# ").find(|part| part.starts_with("Measured"));
    let ((found, words), (written, written_words)) = (numbers(&measured), numbers(text.expect("a chapter")));
    assert_eq!(words, written_words, "{measured}");
    assert_eq!(found.len(), 2 * 8 * 7);
    for (found, written) in found.iter().zip(&written) {
        assert!((found - written).abs() < 0.11, "{found} is written as {written}; the tables are now\n{measured}");
    }
    assert_eq!(found.len(), written.len());
}
