//! Files of calibrations.

use std::path::Path;

use fourfold::format::calibration;
use fourfold::observers::States;

use crate::commands::Context;
use crate::failure::Failure;
use crate::model::{first_bytes, read_file};

/// Whether a file is a calibration, by its first bytes.
pub(crate) fn is_state(path: &Path) -> Result<bool, Failure> {
    Ok(calibration::is_calibration(&first_bytes(path)?))
}

/// Reads a calibration.
pub(crate) fn read(path: &Path, context: &Context) -> Result<States, Failure> {
    let states = calibration::from_bytes(&read_file(path, &context.limits)?, &context.limits);
    states.map_err(|error| Failure::from(error).about(path.display()))
}

/// The bytes of a calibration.
pub(crate) fn to_bytes(states: &States) -> Result<Vec<u8>, Failure> {
    Ok(calibration::to_bytes(states)?)
}
