//! Who waits for a payment hears at once what this process writes of it; a worker in the same process settles.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use domain::LedgerEvent;
use domain::ids::ExactPaymentId;
use eventstore::Ledger;
use eventstore::tail::TailBatch;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

/// From so many on, those for whom nobody waits any more are looked for.
const SWEPT_FROM: usize = 1_000;

/// The payments that somebody waits for.
#[derive(Default)]
pub struct Awaited {
    waiting: Mutex<HashMap<ExactPaymentId, watch::Sender<()>>>,
}

impl Awaited {
    /// Listens to what this process writes.
    pub fn start(ledger: &Ledger) -> Arc<Self> {
        let awaited = Arc::new(Self::default());
        for partition in ledger.partitions() {
            if let Some(appended) = ledger.appended(partition) {
                tokio::spawn(listen(appended, Arc::downgrade(&awaited)));
            }
        }
        awaited
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<ExactPaymentId, watch::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes whenever there is something new of a payment.
    pub fn wait(&self, id: ExactPaymentId) -> watch::Receiver<()> {
        let mut waiting = self.waiting();
        if waiting.len() >= SWEPT_FROM {
            waiting.retain(|_, sender| sender.receiver_count() > 0);
        }
        waiting.entry(id).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    fn tell(&self, batch: &TailBatch) {
        let news = batch.iter().filter(|decoded| matches!(decoded.event, Ok(LedgerEvent::ExactPayment(_))));
        let ids = news.filter_map(|decoded| {
            let (_, id) = decoded.recorded.stream_id.as_str().split_once(':')?;
            id.parse::<ExactPaymentId>().ok()
        });
        for id in ids {
            let mut waiting = self.waiting();
            match waiting.get(&id) {
                Some(sender) if sender.receiver_count() > 0 => {
                    sender.send_replace(());
                }
                Some(_) => {
                    waiting.remove(&id);
                }
                None => {}
            }
        }
    }
}

async fn listen(mut appended: broadcast::Receiver<TailBatch>, awaited: Weak<Awaited>) {
    loop {
        let heard = appended.recv().await;
        let Some(awaited) = awaited.upgrade() else { return };
        match heard {
            Ok(batch) => awaited.tell(&batch),
            // Who waits looks at the log now and then.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
