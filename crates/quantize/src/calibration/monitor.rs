//! Progress of a calibration, and a way to stop it.

use core::fmt;
use std::ops::ControlFlow;

use super::Calibration;

/// How far a calibration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Batches observed before this one.
    pub batches: u64,
    /// Nodes of the graph that this batch has gone through.
    pub nodes_done: usize,
    /// Nodes of the graph.
    pub nodes: usize,
}

/// What is called after every value of a batch, if anything is.
#[derive(Default)]
pub(super) struct Monitor(Option<Box<Callback>>);

type Callback = dyn FnMut(&Progress) -> ControlFlow<()> + Send;

impl Monitor {
    pub(super) fn call(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.0.as_mut().map_or(ControlFlow::Continue(()), |callback| callback(progress))
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Monitor(set)" } else { "Monitor(none)" })
    }
}

impl Calibration {
    /// Calls `callback` at the beginning of every batch and after every node; a batch in which it breaks is given up
    /// with [`Error::Cancelled`](crate::Error::Cancelled), and what was observed is as before that batch.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// # use fourfold_graph::{GraphBuilder, ValueType};
    /// # use fourfold_quantize::{Error, QConfig, prepare};
    /// # use fourfold_tensor::Tensor;
    /// # let mut builder = GraphBuilder::new("tiny");
    /// # let x = builder.input("x", ValueType::f32(&[1.into(), 2.into()]))?;
    /// # let y = builder.linear("fc", x, Tensor::from_vec(&[1, 2], vec![1.0_f32, -1.0])?, None)?;
    /// # builder.output(y);
    /// # let graph = builder.finish()?;
    /// # let batch = [Tensor::from_vec(&[1, 2], vec![3.0_f32, 1.0])?];
    /// let mut calibration = prepare(&graph, QConfig::fourfold())?;
    /// let cancelled = Arc::new(AtomicBool::new(false));
    /// let flag = Arc::clone(&cancelled);
    /// calibration.monitor(move |progress| {
    ///     println!("{} of {} nodes", progress.nodes_done, progress.nodes);
    ///     if flag.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// });
    /// calibration.observe(&batch)?;
    /// cancelled.store(true, Ordering::Relaxed); // from any thread
    /// assert_eq!(calibration.observe(&batch), Err(Error::Cancelled));
    /// assert_eq!(calibration.batches(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn monitor(&mut self, callback: impl FnMut(&Progress) -> ControlFlow<()> + Send + 'static) {
        self.monitor = Monitor(Some(Box::new(callback)));
    }
}
