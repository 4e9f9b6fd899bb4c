//! What quantization did to a model.

use std::fmt;
use std::path::Path;

use fourfold::graph::Graph;
use fourfold::kernels::Kernel;
use fourfold::observers::Shards;
use fourfold::quantize::{Comparison, Decision, Layer, Quantized, weight_sqnr_db};
use serde_json::{Value, json};

use crate::args::Mode;
use crate::failure::Failure;
use crate::table::Table;

/// Layers that the summary names.
const WORST: usize = 5;

/// Below this SQNR there is a warning: a tenth of the signal's power is noise.
const POOR_DB: f64 = 10.0;

/// Names that are listed in a warning.
const LISTED: usize = 10;

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
    layers: Vec<Row>,
    /// The names of the model's outputs, with their SQNR where they were compared.
    outputs: Vec<(String, Option<f64>)>,
    calibrated: Option<Calibrated>,
    /// The warnings.
    pub(crate) warnings: Vec<String>,
}

/// One layer, and what was measured of it.
#[derive(Debug)]
struct Row {
    layer: Layer,
    /// Of its result, on samples.
    sqnr_db: Option<f64>,
    /// Of its weights.
    weight_sqnr_db: Option<f64>,
}

/// What a saved calibration says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Calibrated {
    pub(crate) batches: u64,
    pub(crate) shards: Option<Shards>,
}

impl Report {
    /// Collects what is known; `bytes` are those of the files before and after, `calibrated` is there if the ranges are
    /// of a saved calibration.
    pub(crate) fn new(
        mode: Mode,
        bytes: (u64, u64),
        (float, quantized): (&Graph, &Quantized),
        comparison: Option<&Comparison>,
        calibrated: Option<Calibrated>,
    ) -> Result<Self, Failure> {
        let sqnr_db = |value: &str| comparison.and_then(|comparison| comparison.sqnr_db(value));
        let of_weights = weight_sqnr_db(float, quantized.graph())?;
        let row = |layer: &Layer| Row {
            layer: layer.clone(),
            sqnr_db: sqnr_db(&layer.value),
            weight_sqnr_db: of_weights.get(&layer.name).copied(),
        };
        let names = float.outputs().iter().map(|&output| float.value(output).name());
        let ((bytes_before, bytes_after), backend) = (bytes, Kernel::detect().name());
        Ok(Self {
            mode,
            bytes_before,
            bytes_after,
            backend,
            layers: quantized.layers().iter().map(row).collect(),
            outputs: names.map(|name| (name.to_owned(), sqnr_db(name))).collect(),
            calibrated,
            warnings: Vec::new(),
        })
    }

    /// The ratio of the sizes.
    #[expect(clippy::cast_precision_loss, reason = "a ratio with three digits")]
    fn ratio(&self) -> f64 {
        self.bytes_after as f64 / self.bytes_before as f64
    }

    fn count(&self, is_float: bool) -> usize {
        self.layers.iter().filter(|row| (row.layer.decision == Decision::Float) == is_float).count()
    }

    /// Whether layers were compared on samples.
    fn is_compared(&self) -> bool {
        self.layers.iter().any(|row| row.sqnr_db.is_some())
    }

    /// The quantized layers with the lowest SQNR, worst first: of their results, or of their weights if that is all
    /// that is known.
    fn worst(&self) -> Vec<(&Layer, f64)> {
        let is_compared = self.is_compared();
        let measured = |row: &Row| if is_compared { row.sqnr_db } else { row.weight_sqnr_db };
        let compared = self.layers.iter().filter(|row| row.layer.decision != Decision::Float);
        let mut compared: Vec<(&Layer, f64)> = compared.filter_map(|row| Some((&row.layer, measured(row)?))).collect();
        compared.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        compared.truncate(WORST);
        compared
    }

    /// Warnings about outputs and layers with a low SQNR.
    pub(crate) fn poor(&self) -> Vec<String> {
        let is_poor = |sqnr: Option<f64>| sqnr.filter(|sqnr| sqnr.is_nan() || *sqnr < POOR_DB);
        let listed = |what: &str, found: Vec<String>| {
            let more = found.len().saturating_sub(LISTED);
            let (names, more) = (
                found[..found.len() - more].join(", "),
                if more > 0 { format!(" and {more} more") } else { String::new() },
            );
            (!found.is_empty()).then(|| format!("{what} below {POOR_DB:.0} dB SQNR: {names}{more}"))
        };
        let text = |name: &str, sqnr: f64| format!("{name} ({sqnr:.1} dB)");
        let outputs = self.outputs.iter().filter_map(|(name, sqnr)| is_poor(*sqnr).map(|sqnr| text(name, sqnr)));
        let layers = self.layers.iter();
        let results = layers.clone().filter_map(|row| is_poor(row.sqnr_db).map(|sqnr| text(&row.layer.name, sqnr)));
        let weights = layers.filter_map(|row| is_poor(row.weight_sqnr_db).map(|sqnr| text(&row.layer.name, sqnr)));
        let hint = "; --exclude keeps layers float";
        let all = [
            listed("outputs", outputs.collect()),
            listed("layers", results.collect()).map(|text| text + hint),
            listed("weights of layers", weights.collect()).map(|text| text + hint),
        ];
        all.into_iter().flatten().collect()
    }

    /// The report as one JSON object; what is exact has the SQNR `null`.
    pub(crate) fn json(&self) -> Value {
        let number = |sqnr: Option<f64>| sqnr.filter(|sqnr| sqnr.is_finite());
        let layer = |Row { layer, sqnr_db, weight_sqnr_db }: &Row| {
            json!({
                "name": layer.name,
                "operator": layer.operator.to_string(),
                "decision": layer.decision,
                "reason": layer.reason,
                "sqnr_db": number(*sqnr_db),
                "weight_sqnr_db": number(*weight_sqnr_db),
            })
        };
        let output = |(name, sqnr): &(String, Option<f64>)| json!({ "name": name, "sqnr_db": number(*sqnr) });
        let calibration = |calibrated: &Calibrated| {
            let shards = calibrated.shards.as_ref();
            json!({
                "batches": calibrated.batches,
                "shards": shards.map(|shards| json!({ "count": shards.count(), "finished": shards.finished() })),
            })
        };
        json!({
            "mode": self.mode,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "backend": self.backend,
            "calibration": self.calibrated.as_ref().map(calibration),
            "layers": self.layers.iter().map(layer).collect::<Vec<Value>>(),
            "outputs": self.outputs.iter().map(output).collect::<Vec<Value>>(),
            "warnings": self.warnings,
        })
    }

    /// The report for a terminal.
    pub(crate) fn summary(&self) -> String {
        let (before, after, ratio) = (self.bytes_before, self.bytes_after, self.ratio());
        let (int8, float) = (self.count(false), self.count(true));
        let mut text = format!("{before} bytes -> {after} bytes ({ratio:.3} of before)\n");
        text.push_str(&format!("{int8} layers int8, {float} float; this CPU will use the backend {}\n", self.backend));
        if let Some(calibrated) = &self.calibrated {
            text.push_str(&format!("{calibrated}\n"));
        }
        for Row { layer, .. } in self.layers.iter().filter(|row| row.layer.decision == Decision::Float) {
            text.push_str(&format!("  float: {} ({}): {}\n", layer.name, layer.operator, layer.reason));
        }
        let worst = self.worst();
        if !worst.is_empty() {
            let heading = if self.is_compared() { "worst layers" } else { "worst layers by their weights" };
            let mut table = Table::new(&[heading, "operator", ">SQNR dB"]);
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

    fn cells(&self) -> impl Iterator<Item = [String; 6]> {
        let number = |sqnr: Option<f64>| sqnr.map_or_else(String::new, |sqnr| format!("{sqnr:.1}"));
        self.layers.iter().map(move |Row { layer, sqnr_db, weight_sqnr_db }| {
            let (name, operator, decision) =
                (layer.name.clone(), layer.operator.to_string(), layer.decision.to_string());
            [name, operator, decision, number(*sqnr_db), number(*weight_sqnr_db), layer.reason.clone()]
        })
    }

    /// The lines above and below the table of a report.
    fn notes(&self) -> impl Iterator<Item = String> {
        let calibrated = self.calibrated.iter().map(ToString::to_string);
        calibrated.chain(self.warnings.iter().map(|warning| format!("Warning: {warning}")))
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
        let plain = |text: &str| text.replace('|', "\\|").replace(['\n', '\r', '<'], " ");
        self.notes().for_each(|note| text.push_str(&format!("{}\n\n", plain(&note))));
        text.push_str("| layer | operator | runs | SQNR dB | weights SQNR dB | why |\n|---|---|---|---:|---:|---|\n");
        for cells in self.cells() {
            let cells = cells.map(|cell| plain(&cell));
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }

    fn html(&self) -> String {
        let mut rows = String::new();
        for cells in self.cells() {
            rows.push_str(&format!("<tr><td>{}</td></tr>\n", cells.map(|cell| escaped(&cell)).join("</td><td>")));
        }
        let notes: String = self.notes().map(|note| format!("<p>{}</p>\n", escaped(&note))).collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <title>Quantization report</title>\n<style>body {{ font-family: sans-serif; margin: 2em }} \
             td, th {{ padding: 0.2em 1em; text-align: left }}</style>\n\
             </head>\n<body>\n<h1>Quantization report</h1>\n<p>{}</p>\n{notes}<table>\n\
             <tr><th>layer</th><th>operator</th><th>runs</th><th>SQNR dB</th>\
             <th>weights SQNR dB</th><th>why</th></tr>\n{rows}</table>\n</body>\n</html>\n",
            escaped(&self.heading())
        )
    }
}

impl fmt::Display for Calibrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ranges of {} batches, saved", self.batches)?;
        if let Some(shards) = &self.shards {
            write!(f, ", {shards} of the samples")?;
        }
        write!(f, "; the SQNR of layers needs samples")
    }
}

/// The text with HTML escaped; names come from model files.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
