//! The configuration file.

use std::path::Path;

use fourfold::graph::Limits;
use fourfold::quantize::QConfigMapping;
use serde::Deserialize;

use crate::args::Mode;
use crate::failure::Failure;
use crate::model::read_file;

/// What a configuration file may say: the names and values of the command line, or the rules of a [`QConfigMapping`].
///
/// ```toml
/// mode = "static"
/// preset = "fourfold"
/// observer = "min_max"
/// per_channel = true
/// equalize = true
/// correct_bias = true
/// exclude = ["classifier"]
///
/// [qconfig_mapping]                    # instead of preset, observer and per_channel
/// global = "fbgemm"
/// module_name = [{ name = "head", qconfig = "float" }]
/// ```
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) mode: Option<Mode>,
    pub(super) preset: Option<String>,
    pub(super) observer: Option<String>,
    pub(super) per_channel: Option<bool>,
    #[serde(default)]
    pub(super) equalize: bool,
    #[serde(default)]
    pub(super) correct_bias: bool,
    #[serde(default)]
    pub(super) exclude: Vec<String>,
    pub(super) qconfig_mapping: Option<QConfigMapping>,
}

impl File {
    /// Reads a file, which must not give the same setting twice.
    pub(super) fn read(path: &Path, limits: &Limits) -> Result<Self, Failure> {
        let bytes = read_file(path, limits)?;
        let text = String::from_utf8(bytes).map_err(|_| Failure::invalid("not UTF-8 text").about(path.display()))?;
        let file: File = toml::from_str(&text).map_err(|error| Failure::usage(error).about(path.display()))?;
        let is_given = file.preset.is_some() || file.observer.is_some() || file.per_channel.is_some();
        if is_given && file.qconfig_mapping.is_some() {
            let message =
                "give `qconfig_mapping` with its `global`, or `preset`, `observer` and `per_channel`, and not both";
            return Err(Failure::usage(message).about(path.display()));
        }
        Ok(file)
    }
}
