//! Options of `quantize`, from the command line and a file.

use std::path::Path;

use fourfold::graph::{Graph, Limits};
use fourfold::observers::ObserverKind;
use fourfold::quantize::{self, ChannelStatistics, QConfig, QConfigMapping, equalize_with_statistics, fuse};
use serde::Deserialize;

use crate::args::{Configuration, Mode};
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
struct File {
    mode: Option<Mode>,
    preset: Option<String>,
    observer: Option<String>,
    per_channel: Option<bool>,
    #[serde(default)]
    equalize: bool,
    #[serde(default)]
    correct_bias: bool,
    #[serde(default)]
    exclude: Vec<String>,
    qconfig_mapping: Option<QConfigMapping>,
}

/// How to quantize.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) mapping: QConfigMapping,
    /// Whether the channels of neighbouring layers are made alike.
    pub(crate) equalize: bool,
    /// Whether mean errors are taken out of biases.
    pub(crate) correct_bias: bool,
}

impl Settings {
    /// Joins the command line and the configuration file that it names; the command line goes before.
    pub(crate) fn new(arguments: &Configuration, mode: Option<Mode>, limits: &Limits) -> Result<Self, Failure> {
        let file = arguments.config.as_deref().map_or(Ok(File::default()), |path| read(path, limits))?;
        let mode = mode.or(file.mode).unwrap_or(Mode::Static);
        let mut mapping = QConfigMapping::default();
        for pattern in arguments.exclude.iter().chain(&file.exclude) {
            mapping = mapping.set_module_name_regex(pattern, None)?;
        }
        let Configuration { preset, observer, per_channel, per_tensor, .. } = arguments;
        let is_given = preset.is_some() || observer.is_some() || *per_channel || *per_tensor;
        let mapping = match &file.qconfig_mapping {
            Some(rules) if !is_given => mapping.before(rules.clone()),
            rules => {
                let mapping = mapping.set_global(qconfig(arguments, &file)?);
                mapping.before(rules.clone().unwrap_or_default())
            }
        };
        let equalize = arguments.equalize || file.equalize;
        Ok(Self { mode, mapping, equalize, correct_bias: file.correct_bias })
    }

    /// The float graph that is prepared: fused, and equalized if that is asked for.
    pub(crate) fn fused(&self, graph: &Graph) -> Result<Graph, quantize::Error> {
        let fused = fuse(graph)?;
        if !self.equalize {
            return Ok(fused);
        }
        Ok(equalize_with_statistics(&fused, &ChannelStatistics::of_batch_norms(graph)?)?.0)
    }
}

fn qconfig(arguments: &Configuration, file: &File) -> Result<QConfig, Failure> {
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
    let file: File = toml::from_str(&text).map_err(|error| Failure::usage(error).about(path.display()))?;
    let is_given = file.preset.is_some() || file.observer.is_some() || file.per_channel.is_some();
    if is_given && file.qconfig_mapping.is_some() {
        let message =
            "give `qconfig_mapping` with its `global`, or `preset`, `observer` and `per_channel`, and not both";
        return Err(Failure::usage(message).about(path.display()));
    }
    Ok(file)
}
