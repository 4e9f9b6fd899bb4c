//! Options of `quantize`, from the command line and a file.

use std::path::Path;

use fourfold::graph::Limits;
use fourfold::observers::ObserverKind;
use fourfold::quantize::{QConfig, QConfigMapping};
use serde::Deserialize;

use crate::args::{Mode, Quantize};
use crate::failure::Failure;
use crate::model::read_file;

/// What a configuration file may say; the same names and values as on the command line.
///
/// ```toml
/// mode = "static"
/// preset = "fourfold"
/// observer = "min_max"
/// per_channel = true
/// exclude = ["classifier"]
/// ```
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mode: Option<Mode>,
    preset: Option<String>,
    observer: Option<String>,
    per_channel: Option<bool>,
    #[serde(default)]
    exclude: Vec<String>,
}

/// How to quantize.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) mapping: QConfigMapping,
}

impl Settings {
    /// Joins the command line and the configuration file that it names; the command line goes before.
    pub(crate) fn new(arguments: &Quantize, limits: &Limits) -> Result<Self, Failure> {
        let file = arguments.config.as_deref().map_or(Ok(File::default()), |path| read(path, limits))?;
        let mode = arguments.mode.or(file.mode).unwrap_or(Mode::Static);
        let qconfig = qconfig(arguments, &file)?;
        let mut mapping = QConfigMapping::new(qconfig);
        for pattern in arguments.exclude.iter().chain(&file.exclude) {
            mapping = mapping.set_module_name_regex(pattern, None)?;
        }
        Ok(Self { mode, mapping })
    }
}

fn qconfig(arguments: &Quantize, file: &File) -> Result<QConfig, Failure> {
    let preset = arguments.preset.as_deref().or(file.preset.as_deref()).unwrap_or("fourfold");
    let unknown =
        || Failure::usage(format_args!("unknown preset `{preset}`; known are {}", QConfig::PRESETS.join(", ")));
    let mut qconfig = QConfig::preset(preset).ok_or_else(unknown)?;
    if let Some(name) = arguments.observer.as_deref().or(file.observer.as_deref()) {
        let known = || ObserverKind::ALL.into_iter().filter(|kind| kind.is_per_tensor());
        let names = || known().map(ObserverKind::name).collect::<Vec<_>>().join(", ");
        let observer = known().find(|kind| kind.name() == name);
        qconfig.activation.observer =
            observer.ok_or_else(|| Failure::usage(format_args!("unknown observer `{name}`; known are {}", names())))?;
    }
    let per_channel = match (arguments.per_channel, arguments.per_tensor) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => file.per_channel,
    };
    Ok(per_channel.map_or(qconfig, |per_channel| qconfig.with_per_channel_weights(per_channel)))
}

fn read(path: &Path, limits: &Limits) -> Result<File, Failure> {
    let bytes = read_file(path, limits)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::invalid("not UTF-8 text").about(path.display()))?;
    toml::from_str(&text).map_err(|error| Failure::usage(error).about(path.display()))
}
