//! What quantization did to a model.

use std::path::Path;

use fourfold::kernels::Kernel;
use fourfold::quantize::{Comparison, Decision, Layer, Quantized};
use serde_json::{Value, json};

use crate::args::Mode;
use crate::failure::Failure;
use crate::table::Table;

/// Layers that the summary names.
const WORST: usize = 5;

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportForm {
    Html,
    Markdown,
    Json,
}

impl ReportForm {
    /// The form that a file of that name has.
    pub(crate) fn of_name(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("html") => Ok(ReportForm::Html),
            Some("md") => Ok(ReportForm::Markdown),
            Some("json") => Ok(ReportForm::Json),
            _ => Err(Failure::usage(format_args!("{}: a report's name ends in .html, .md or .json", path.display()))),
        }
    }
}

/// Sizes and layers.
#[derive(Debug)]
pub(crate) struct Report {
    mode: Mode,
    bytes_before: u64,
    bytes_after: u64,
    backend: &'static str,
    layers: Vec<(Layer, Option<f64>)>,
}

impl Report {
    /// Collects what is known; `bytes` are those of the files before and after.
    pub(crate) fn new(mode: Mode, bytes: (u64, u64), quantized: &Quantized, comparison: Option<&Comparison>) -> Self {
        let sqnr = |layer: &Layer| comparison.and_then(|comparison| comparison.sqnr_db(&layer.value));
        let layers = quantized.layers().iter().map(|layer| (layer.clone(), sqnr(layer))).collect();
        let (bytes_before, bytes_after) = bytes;
        Self { mode, bytes_before, bytes_after, backend: Kernel::detect().name(), layers }
    }

    /// The ratio of the sizes.
    #[expect(clippy::cast_precision_loss, reason = "a ratio with three digits")]
    fn ratio(&self) -> f64 {
        self.bytes_after as f64 / self.bytes_before as f64
    }

    fn count(&self, is_float: bool) -> usize {
        self.layers.iter().filter(|(layer, _)| (layer.decision == Decision::Float) == is_float).count()
    }

    /// The quantized layers with the lowest SQNR, worst first.
    fn worst(&self) -> Vec<(&Layer, f64)> {
        let compared = self.layers.iter().filter(|(layer, _)| layer.decision != Decision::Float);
        let mut compared: Vec<(&Layer, f64)> = compared.filter_map(|(layer, sqnr)| Some((layer, (*sqnr)?))).collect();
        compared.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        compared.truncate(WORST);
        compared
    }

    /// The report as one JSON object; an exact layer has the SQNR `null`.
    pub(crate) fn json(&self) -> Value {
        let layer = |(layer, sqnr): &(Layer, Option<f64>)| {
            json!({
                "name": layer.name,
                "operator": layer.operator.to_string(),
                "decision": layer.decision,
                "reason": layer.reason,
                "sqnr_db": sqnr.filter(|sqnr| sqnr.is_finite()),
            })
        };
        json!({
            "mode": self.mode,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "backend": self.backend,
            "layers": self.layers.iter().map(layer).collect::<Vec<Value>>(),
        })
    }

    /// The report for a terminal.
    pub(crate) fn summary(&self) -> String {
        let (before, after, ratio) = (self.bytes_before, self.bytes_after, self.ratio());
        let (int8, float) = (self.count(false), self.count(true));
        let mut text = format!("{before} bytes -> {after} bytes ({ratio:.3} of before)\n");
        text.push_str(&format!("{int8} layers int8, {float} float; this CPU will use the backend {}\n", self.backend));
        for (layer, _) in self.layers.iter().filter(|(layer, _)| layer.decision == Decision::Float) {
            text.push_str(&format!("  float: {} ({}): {}\n", layer.name, layer.operator, layer.reason));
        }
        let worst = self.worst();
        if !worst.is_empty() {
            let mut table = Table::new(&["worst layers", "operator", ">SQNR dB"]);
            worst.iter().for_each(|(layer, sqnr)| {
                table.row([layer.name.clone(), layer.operator.to_string(), format!("{sqnr:.1}")])
            });
            text.push_str(&format!("\n{table}"));
        }
        text
    }

    /// The report as a file.
    pub(crate) fn render(&self, form: ReportForm) -> String {
        match form {
            ReportForm::Json => {
                let mut document = self.json();
                document["schema"] = "fourfold.quantize/1".into();
                format!("{document:#}\n")
            }
            ReportForm::Markdown => self.markdown(),
            ReportForm::Html => self.html(),
        }
    }

    fn cells(&self) -> impl Iterator<Item = [String; 5]> {
        self.layers.iter().map(|(layer, sqnr)| {
            let sqnr = sqnr.map_or_else(String::new, |sqnr| format!("{sqnr:.1}"));
            [layer.name.clone(), layer.operator.to_string(), layer.decision.to_string(), sqnr, layer.reason.clone()]
        })
    }

    fn heading(&self) -> String {
        let (before, after, ratio) = (self.bytes_before, self.bytes_after, self.ratio());
        format!(
            "{before} bytes before, {after} bytes after: {ratio:.3}. {} layers int8, {} float.",
            self.count(false),
            self.count(true)
        )
    }

    fn markdown(&self) -> String {
        let mut text = format!("# Quantization report\n\n{}\n\n", self.heading());
        text.push_str("| layer | operator | runs | SQNR dB | why |\n|---|---|---|---:|---|\n");
        for cells in self.cells() {
            let cells = cells.map(|cell| cell.replace('|', "\\|").replace(['\n', '\r', '<'], " "));
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }

    fn html(&self) -> String {
        let mut rows = String::new();
        for cells in self.cells() {
            rows.push_str(&format!("<tr><td>{}</td></tr>\n", cells.map(|cell| escaped(&cell)).join("</td><td>")));
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Quantization report</title>\n\
             <style>body {{ font-family: sans-serif; margin: 2em }} td, th {{ padding: 0.2em 1em; text-align: left }}</style>\n\
             </head>\n<body>\n<h1>Quantization report</h1>\n<p>{}</p>\n<table>\n\
             <tr><th>layer</th><th>operator</th><th>runs</th><th>SQNR dB</th><th>why</th></tr>\n{rows}</table>\n</body>\n</html>\n",
            escaped(&self.heading())
        )
    }
}

/// Text that means nothing to a browser; names come from model files.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
