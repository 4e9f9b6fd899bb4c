//! Options of `quantize`, from the command line and a file.

mod choice;
mod file;

use std::fmt;
use std::path::PathBuf;

use fourfold::graph::{Graph, OpKind};
use fourfold::quantize::{ChannelStatistics, QConfigMapping, equalize_with_statistics, fuse};

use crate::args::{Configuration, Mode};
use crate::commands::Context;
use crate::failure::Failure;
use choice::Choice;
use file::File;

/// Names that are listed in a message.
const LISTED: usize = 20;

/// How to quantize.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) mapping: QConfigMapping,
    /// Whether the channels of neighbouring layers are equalized.
    pub(crate) equalize: bool,
    /// Whether biases are corrected by mean errors.
    pub(crate) correct_bias: bool,
    /// The options that choose the configuration of all layers, such as `--preset fbgemm`.
    pub(crate) said: String,
    /// Whether one scale for each channel was asked for by name.
    per_channel: bool,
    /// How many of the mapping's expressions, counted from the first, come from the command line.
    excluded_on_line: usize,
    /// The configuration file.
    file: Option<PathBuf>,
}

impl Settings {
    /// Joins the command line and the configuration file that it names; the command line takes precedence. Warns of
    /// options without effect.
    pub(crate) fn new(arguments: &Configuration, mode: Option<Mode>, context: &Context) -> Result<Self, Failure> {
        let path = arguments.config.clone();
        let file = path.as_deref().map_or(Ok(File::default()), |path| File::read(path, &context.limits))?;
        let mut settings = Self {
            mode: mode.or(file.mode).unwrap_or(Mode::Static),
            mapping: QConfigMapping::default(),
            equalize: arguments.equalize || file.equalize,
            correct_bias: file.correct_bias,
            said: String::new(),
            per_channel: arguments.per_channel,
            excluded_on_line: arguments.exclude.len(),
            file: path,
        };
        settings.mapping = settings.mapping(arguments, &file, context)?;
        for pattern in &arguments.exclude {
            let at_flag = |failure: Failure| failure.about("--exclude");
            settings.mapping = settings.mapping.exclude(pattern).map_err(|error| at_flag(error.into()))?;
        }
        for pattern in &file.exclude {
            let mapping = std::mem::take(&mut settings.mapping).exclude(pattern);
            settings.mapping = mapping.map_err(|error| settings.at_file(error.into()))?;
        }
        Ok(settings)
    }

    /// The rules, without exclusions.
    fn mapping(
        &mut self,
        arguments: &Configuration,
        file: &File,
        context: &Context,
    ) -> Result<QConfigMapping, Failure> {
        let Configuration { preset, observer, per_channel, per_tensor, .. } = arguments;
        let is_given = preset.is_some() || observer.is_some() || *per_channel || *per_tensor;
        if let (Mode::Dynamic, Some(name)) = (self.mode, observer.as_ref().or(file.observer.as_ref())) {
            context.console.warning(format_args!(
                "--observer {name} has no effect: --mode dynamic watches no activations, it takes their ranges \
                 while running"
            ));
        }
        let mapping = match &file.qconfig_mapping {
            Some(rules) if !is_given => rules.clone(),
            rules => {
                let choice = Choice::new(arguments, file)?;
                choice.check(self.mode)?;
                self.said = choice.said;
                let rules = rules.clone().unwrap_or_default();
                if rules.clone().set_global(None) != QConfigMapping::default() {
                    let message = "what the command line says of layers changes `global` of `qconfig_mapping`, \
                                   not its other rules";
                    context.console.warning(self.in_file(message));
                }
                QConfigMapping::new(choice.qconfig).before(rules)
            }
        };
        let checked = match self.mode {
            Mode::Static => mapping.check_static(),
            Mode::Dynamic => mapping.check_dynamic(),
        };
        checked.map(|()| mapping).map_err(|error| self.at_file(error.into()))
    }

    /// A message about the configuration file.
    pub(crate) fn in_file(&self, message: impl fmt::Display) -> String {
        match &self.file {
            Some(path) => format!("{}: {message}", path.display()),
            None => message.to_string(),
        }
    }

    /// A failure in the configuration file.
    pub(crate) fn at_file(&self, failure: Failure) -> Failure {
        match &self.file {
            Some(path) => failure.about(path.display()),
            None => failure,
        }
    }

    /// The float graph that is prepared: fused, and equalized if that is asked for. Every rule must have a node to
    /// apply to.
    pub(crate) fn fused(&self, graph: &Graph, context: &Context) -> Result<Graph, Failure> {
        let fused = fuse(graph)?;
        self.check_rules(graph, &fused, context)?;
        if self.per_channel && fused.nodes().iter().any(|node| node.op().kind() == OpKind::ConvTranspose) {
            context
                .console
                .warning("--per-channel has no effect on transposed convolutions, whose weights have one scale");
        }
        if !self.equalize {
            return Ok(fused);
        }
        let equalized = equalize_with_statistics(&fused, &ChannelStatistics::of_batch_norms(graph)?)?.0;
        if equalized == fused {
            context
                .console
                .warning("--equalize changed nothing: no two neighbouring layers have channels that can be equalized");
        }
        Ok(equalized)
    }

    /// Says what is excluded, and which rules match nothing.
    fn check_rules(&self, graph: &Graph, fused: &Graph, context: &Context) -> Result<(), Failure> {
        let before = self.mapping.excluded(graph);
        for (index, (pattern, names)) in self.mapping.excluded(fused).into_iter().enumerate() {
            let is_on_line = index < self.excluded_on_line;
            if !names.is_empty() {
                let names = listed(&names);
                context.console.message(format_args!("--exclude {pattern} keeps float: {names}"));
                continue;
            }
            let hint = match before[index].1.as_slice() {
                [] => "`fourfold inspect MODEL` lists the nodes".to_owned(),
                gone => format!("{} became part of other nodes, which `fourfold inspect MODEL` lists", listed(gone)),
            };
            if is_on_line {
                return Err(Failure::usage(format_args!("--exclude {pattern} matches no node; {hint}")));
            }
            let message = format!("exclude = \"{pattern}\" matches no node; {hint}");
            context.console.warning(self.in_file(message));
        }
        for rule in self.mapping.unmatched(fused) {
            context.console.warning(self.in_file(format_args!("the rule {rule} matches no node")));
        }
        Ok(())
    }
}

/// Names for a message: the first few, and how many more there are.
fn listed(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).copied().collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}
