//! tmp
use crate::Error;
use fourfold_graph::Graph;
/// tmp
pub fn export(_graph: &Graph) -> Result<Vec<u8>, Error> {
    Ok(Vec::new())
}
