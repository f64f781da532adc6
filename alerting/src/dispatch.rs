//! [`Dispatcher`]: brings notices to their receivers. Each receiver has a task of its own, so that one that is dead delays
//! no other; what is not sent yet waits in the database.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use highwater_engine::Name;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::{
    backoff::pause,
    channel::Channel,
    clock,
    error::AlertingError,
    metrics::Metrics,
    outbound::{Outbound, SendError},
    prune::prune,
    queue::{Queue, Waiting},
};

/// Most notices of one receiver that are in memory.
const WINDOW: u32 = 16;
/// How long nothing is looked at, where nothing is rung for.
const LULL: Duration = Duration::from_secs(1);
/// How long to wait after the database failed.
const RECOVERY: Duration = Duration::from_secs(2);
/// How often what is old is let go.
const PRUNING: Duration = Duration::from_secs(600);

/// Sends what is due, until it is stopped or dropped.
#[derive(Debug)]
pub struct Dispatcher {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Dispatcher {
    /// Ends once what is being sent is sent or has failed. What waits goes on waiting.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // it may have been ended with its runtime
        let _ = self.task.await;
    }
}

/// What all tasks share.
pub(crate) struct Office {
    pub(crate) queue: Queue,
    pub(crate) outbound: Outbound,
    pub(crate) metrics: Metrics,
    /// after how long a notice is given up
    pub(crate) patience: Duration,
    /// for how long what is over is kept
    pub(crate) retention: Duration,
}

pub(crate) fn start(office: Office) -> Dispatcher {
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(run(Arc::new(office), stopped));
    Dispatcher { stop, task }
}

async fn run(office: Arc<Office>, mut stopped: watch::Receiver<bool>) {
    let mut bell = office.queue.store.bell.listen();
    let mut lanes: HashMap<Name, JoinHandle<()>> = HashMap::new();
    let mut pruned: Option<Instant> = None;
    while !is_over(&stopped)
        && let Err(error) = settle_routes(&office).await
    {
        tracing::error!(%error, "notices wait: the database fails");
        let _ = timeout(RECOVERY, stopped.changed()).await;
    }
    while !is_over(&stopped) {
        let went = turn(&office, &mut lanes, &mut pruned, &stopped).await;
        let rest = match went {
            Ok(true) => continue,
            Ok(false) => LULL,
            Err(error) => {
                tracing::error!(%error, "notices wait: the database fails");
                RECOVERY
            }
        };
        tokio::select! {
            _ = timeout(rest, bell.changed()) => {}
            _ = stopped.changed() => {}
        }
    }
    for lane in lanes.into_values() {
        let _ = lane.await;
    }
}

/// Looks at the groups that are due, and sees to it that each receiver that something waits for has a task. Says whether
/// more groups are due.
async fn turn(
    office: &Arc<Office>,
    lanes: &mut HashMap<Name, JoinHandle<()>>,
    pruned: &mut Option<Instant>,
    stopped: &watch::Receiver<bool>,
) -> Result<bool, AlertingError> {
    let is_more = look(office).await?;
    lanes.retain(|_, lane| !lane.is_finished());
    for receiver in office.queue.receivers().await? {
        let begin = || tokio::spawn(lane(office.clone(), receiver.clone(), stopped.clone()));
        lanes.entry(receiver.clone()).or_insert_with(begin);
    }
    if pruned.is_none_or(|at| at.elapsed() > PRUNING) {
        prune(&office.queue.store.database, office.retention).await?;
        *pruned = Some(Instant::now());
    }
    office.metrics.waiting.set(i64::try_from(office.queue.waiting().await?).unwrap_or(i64::MAX));
    Ok(is_more)
}

/// A start may have been told of other receivers than the one before.
async fn settle_routes(office: &Office) -> Result<(), AlertingError> {
    let mut ledger = office.queue.store.ledger().await?;
    ledger.settle_routes().await?;
    ledger.commit().await
}

async fn look(office: &Office) -> Result<bool, AlertingError> {
    let now = clock::now();
    if !office.queue.is_group_due(now).await? {
        return Ok(false);
    }
    let mut ledger = office.queue.store.ledger().await?;
    let is_more = ledger.take_due_groups().await?;
    ledger.commit().await?;
    Ok(is_more)
}

/// Sends what waits for one receiver, in order, until nothing does.
async fn lane(office: Arc<Office>, receiver: Name, mut stopped: watch::Receiver<bool>) {
    loop {
        match send_window(&office, &receiver, &mut stopped).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, %receiver, "notices wait: the database fails");
                let _ = timeout(RECOVERY, stopped.changed()).await;
            }
        }
        if is_over(&stopped) {
            return;
        }
    }
}

/// Whether the dispatcher was stopped or dropped.
fn is_over(stopped: &watch::Receiver<bool>) -> bool {
    *stopped.borrow() || stopped.has_changed().is_err()
}

/// Says whether there may be more. A notice that fails keeps those after it waiting: an end must not overtake its beginning.
async fn send_window(
    office: &Arc<Office>,
    receiver: &Name,
    stopped: &mut watch::Receiver<bool>,
) -> Result<bool, AlertingError> {
    let window = office.queue.window(receiver, WINDOW).await?;
    if window.is_empty() {
        return Ok(false);
    }
    let channel = office.queue.channel(receiver).await?;
    for waiting in window {
        let early = waiting.due_at.since(clock::now());
        if !early.is_zero() && timeout(early, stopped.wait_for(|stopped| *stopped)).await.is_ok() {
            return Ok(false);
        }
        if is_over(stopped) {
            return Ok(false);
        }
        let outcome = match &channel {
            Ok(channel) => attempt(office, channel.clone(), waiting.clone()).await,
            Err(why) => Err(SendError::Never(why.clone())),
        };
        if !settle(office, receiver, &waiting, outcome).await? {
            break;
        }
    }
    Ok(true)
}

/// One attempt, on a thread of its own: a pool of them could be used up by receivers that do not answer.
async fn attempt(office: &Arc<Office>, channel: Channel, waiting: Waiting) -> Result<(), SendError> {
    let (say, said) = tokio::sync::oneshot::channel();
    let office = office.clone();
    let send = move || {
        // nobody listens any more where the runtime has ended
        let _ = say.send(channel.send(&waiting.notice, &office.outbound));
    };
    let started = std::thread::Builder::new().name("notice".into()).spawn(send);
    started.map_err(|error| SendError::again(format!("no thread can be started: {}", error.kind())))?;
    said.await.unwrap_or_else(|_| Err(SendError::again("the attempt was broken off")))
}

/// Writes down what an attempt came to. Says whether the next notice may follow at once.
async fn settle(
    office: &Office,
    receiver: &Name,
    waiting: &Waiting,
    outcome: Result<(), SendError>,
) -> Result<bool, AlertingError> {
    let id = &waiting.notice.id;
    let age = clock::now().since(waiting.created_at);
    match outcome {
        Ok(()) => {
            office.queue.sent(id).await?;
            office.metrics.sent.inc();
            Ok(true)
        }
        Err(SendError::Again { what, after }) if age < office.patience => {
            let pause = pause(id, waiting.attempts, after);
            tracing::warn!(notice = %id, %receiver, attempts = waiting.attempts + 1, ?pause, "a notice did not arrive: {what}");
            office.queue.put_off(id, clock::now().plus(pause)).await?;
            office.metrics.retries.inc();
            Ok(false)
        }
        Err(error) => {
            tracing::error!(notice = %id, %receiver, "a notice is given up: {error}");
            office.queue.give_up(id, &error.to_string()).await?;
            office.metrics.given_up.inc();
            Ok(true)
        }
    }
}
