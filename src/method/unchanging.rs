//! Connections that stay as they are.

use super::interface::Method;
use super::moment::Moment;
use super::network::Network;
use super::plan::Plan;
use crate::grammar::{Card, Entry};

/// No method, in the list of methods.
pub(super) const ENTRY: Entry<Box<dyn Method>> = Entry {
    name: Static::NAME,
    about: "connections stay as they are",
    parameters: &[],
    make: |_| Ok(Box::new(Static)),
};

/// Connections stay as they are.
#[derive(Clone, Copy, Debug)]
pub struct Static;

impl Static {
    /// Its name in the list.
    pub const NAME: &'static str = "static";
}

impl Method for Static {
    fn card(&self) -> Card {
        Card {
            paper: "Heterogeneous Connectivity in Sparse Networks, 2026, arXiv 2604.10560",
            decides: "nothing: connections are the topology's",
            when: "never",
            cost: "none",
        }
    }

    fn due(&self, _moment: Moment) -> bool {
        false
    }

    fn act(&mut self, _moment: Moment, _network: &Network<'_>) -> Plan {
        unreachable!("it is never due")
    }
}
