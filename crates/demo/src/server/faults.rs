//! What goes wrong, and when.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::ledger::Request;

/// Something that goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An empty reply of this status, with these headers.
    Status(u16, Vec<(String, String)>),
    /// The connection is closed without a reply.
    Reset,
    /// The head promises the whole body; the connection is closed after this many bytes of it.
    Truncate(u64),
    /// The reply comes this much later.
    Stall(Duration),
    /// Status 200 and the whole file, whatever range was asked for.
    IgnoreRange,
    /// The reply lacks its ETag.
    NoEtag,
}

/// Decides which requests fail, and how. The default: none.
#[derive(Clone, Default)]
pub struct Faults {
    decide: Option<Arc<Decide>>,
    seen: Arc<AtomicUsize>,
}

type Decide = dyn Fn(&Request, usize) -> Option<Fault> + Send + Sync;

impl Faults {
    /// Asks `decide` about every request, as it would be answered, with its number since these faults were made, from 0.
    pub fn from_fn(decide: impl Fn(&Request, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self { decide: Some(Arc::new(decide)), seen: Arc::default() }
    }

    /// Gives each of the next requests one of these, in order; all later ones are fine.
    pub fn sequence(faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults: Vec<_> = faults.into_iter().collect();
        Self::from_fn(move |_, nth| faults.get(nth).cloned())
    }

    /// Gives every request this one.
    pub fn always(fault: Fault) -> Self {
        Self::from_fn(move |_, _| Some(fault.clone()))
    }

    pub(super) fn next(&self, request: &Request) -> Option<Fault> {
        let decide = self.decide.as_ref()?;
        decide(request, self.seen.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("any", &self.decide.is_some()).field("seen", &self.seen).finish()
    }
}
