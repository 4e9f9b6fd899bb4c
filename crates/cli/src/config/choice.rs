//! The configuration of all layers that have no other: a preset and what is changed in it.

use fourfold::observers::ObserverKind;
use fourfold::quantize::{QConfig, QConfigMapping, QScheme};

use super::file::File;
use crate::args::{Configuration, Mode};
use crate::failure::Failure;

/// A configuration, and what the user wrote to get it.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) qconfig: QConfig,
    /// Such as `--preset fbgemm --observer mse`; empty if there were no options.
    pub(super) said: String,
}

impl Choice {
    /// Joins what the command line and the file say; where the file has a mapping, its `global` is what is changed.
    pub(super) fn new(arguments: &Configuration, file: &File) -> Result<Self, Failure> {
        let preset = Given::of("preset", arguments.preset.as_deref(), file.preset.as_deref());
        let observer = Given::of("observer", arguments.observer.as_deref(), file.observer.as_deref());
        let mut said: Vec<String> = [preset, observer].into_iter().flatten().map(|given| given.text()).collect();
        let mut qconfig = match (preset, &file.qconfig_mapping) {
            (Some(given), _) => preset_of(given)?,
            (None, Some(mapping)) => *mapping.global().ok_or_else(|| no_global(arguments))?,
            (None, None) => QConfig::fourfold(),
        };
        if let Some(given) = observer {
            qconfig.activation.observer = observer_of(given)?;
        }
        let per_channel = match (arguments.per_channel, arguments.per_tensor) {
            (true, _) => Some((true, "--per-channel".to_owned())),
            (_, true) => Some((false, "--per-tensor".to_owned())),
            _ => file.per_channel.map(|is_so| (is_so, format!("per_channel = {is_so}"))),
        };
        if let Some((is_so, text)) = per_channel {
            if matches!(qconfig.weight.scheme, QScheme::FloatQParams8 | QScheme::FloatQParams4) {
                let said = said.join(" ");
                return Err(Failure::usage(format_args!(
                    "{text} changes nothing in {said}, which gives every row of a table its parameters; leave it out"
                )));
            }
            qconfig = qconfig.with_per_channel_weights(is_so);
            said.push(text);
        }
        Ok(Self { qconfig, said: said.join(" ") })
    }

    /// Checks that the configuration is one for this mode.
    pub(super) fn check(&self, mode: Mode) -> Result<(), Failure> {
        let check = |qconfig: QConfig, mode: Mode| match mode {
            Mode::Static => QConfigMapping::new(qconfig).check_static(),
            Mode::Dynamic => QConfigMapping::new(qconfig).check_dynamic(),
        };
        let Err(error) = check(self.qconfig, mode) else { return Ok(()) };
        let (name, other, other_name) = match mode {
            Mode::Static => ("static", Mode::Dynamic, "dynamic"),
            Mode::Dynamic => ("dynamic", Mode::Static, "static"),
        };
        let is_for_mode = |preset: &&str| QConfig::preset(preset).is_some_and(|qconfig| check(qconfig, mode).is_ok());
        let presets: Vec<&str> = QConfig::PRESETS.into_iter().filter(is_for_mode).collect();
        let other = match check(self.qconfig, other) {
            Ok(()) => format!("; or choose --mode {other_name}"),
            Err(_) => String::new(),
        };
        let (said, presets) = (&self.said, presets.join(", "));
        Err(Failure::usage(format_args!("{said}: {error}; presets for --mode {name} are {presets}{other}")))
    }
}

/// A value, and the option or key that gave it.
#[derive(Clone, Copy)]
struct Given<'a> {
    name: &'static str,
    value: &'a str,
    is_in_file: bool,
}

impl<'a> Given<'a> {
    fn of(name: &'static str, on_line: Option<&'a str>, in_file: Option<&'a str>) -> Option<Self> {
        let given = |is_in_file| move |value| Given { name, value, is_in_file };
        on_line.map(given(false)).or(in_file.map(given(true)))
    }

    fn text(self) -> String {
        let Self { name, value, is_in_file } = self;
        if is_in_file { format!("{name} = \"{value}\"") } else { format!("--{name} {value}") }
    }
}

fn preset_of(given: Given<'_>) -> Result<QConfig, Failure> {
    QConfig::preset(given.value).ok_or_else(|| {
        let (text, known) = (given.text(), QConfig::PRESETS.join(", "));
        Failure::usage(format_args!("{text}: unknown preset `{}`; known are {known}", given.value))
    })
}

fn observer_of(given: Given<'_>) -> Result<ObserverKind, Failure> {
    let is_known = |kind: &ObserverKind| kind.is_per_tensor() && !matches!(kind, ObserverKind::FixedParams { .. });
    let known = || ObserverKind::ALL.into_iter().filter(is_known);
    if let Some(kind) = known().find(|kind| kind.name() == given.value) {
        return Ok(kind);
    }
    let (text, known) = (given.text(), known().map(ObserverKind::name).collect::<Vec<_>>().join(", "));
    let problem = match ObserverKind::by_name(given.value) {
        Some(ObserverKind::FixedParams { .. }) => {
            "it needs a scale and a zero point, which a rule of `qconfig_mapping` in a --config file can give"
        }
        Some(_) => "it gives no range for a whole activation",
        None => "there is no such observer",
    };
    Err(Failure::usage(format_args!("{text}: {problem}; the observers that can be named here are {known}")))
}

fn no_global(arguments: &Configuration) -> Failure {
    let flag = match arguments {
        Configuration { observer: Some(name), .. } => format!("--observer {name}"),
        Configuration { per_channel: true, .. } => "--per-channel".to_owned(),
        _ => "--per-tensor".to_owned(),
    };
    Failure::usage(format_args!(
        "{flag}: the `qconfig_mapping` of the file has no `global` that it could change; give --preset too"
    ))
}
