//! The operators of the dataflow as `/pipeline` shows them: what each costs, holds and takes, on all workers together.

use std::{collections::BTreeMap, sync::Arc};

use highwater_engine::pipeline::{Operator, WorkerReport};
use schemars::JsonSchema;
use serde::Serialize;

/// The operators of one query, or of a part of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Part {
    /// What it is called; none for what carries all queries.
    name: Option<String>,
    /// Ordered by their numbers, which is the order in which they were made.
    operators: Vec<OperatorState>,
}

/// An operator, or a scope of operators, since the start.
#[derive(Serialize, JsonSchema)]
struct OperatorState {
    /// The same on every worker.
    id: usize,
    /// What kind it is.
    name: String,
    /// The scopes that it is in, from the outermost, and its place in the last.
    address: Vec<usize>,
    /// Time of its own, without that of operators within.
    seconds: f64,
    seconds_by_worker: Vec<f64>,
    /// How often it ran.
    runs: u64,
    records_in: u64,
    records_out: u64,
    /// Records that its arrangement holds.
    records_held: i64,
    held_by_worker: Vec<i64>,
    /// Records that wait for their epoch to end before they are arranged,
    records_waiting: i64,
    /// and their bytes.
    bytes_waiting: i64,
    inputs: Vec<OperatorInput>,
}

/// Where an operator's records come from.
#[derive(Serialize, JsonSchema)]
struct OperatorInput {
    /// The operator; a scope stands for its border.
    from: usize,
    records: u64,
}

/// What went through a channel, on all workers.
#[derive(Default)]
struct Carried {
    from: (usize, usize),
    to: usize,
    sent: u64,
    received: u64,
}

/// The operators by the part they belong to, in the order in which they were made; what carries all comes first.
pub(crate) fn parts(workers: &[Arc<WorkerReport>]) -> Vec<Part> {
    let mut channels = BTreeMap::<usize, Carried>::new();
    for worker in workers {
        for (channel, tally) in worker.plan.channels.iter().zip(&worker.channels) {
            let carried = channels.entry(channel.id).or_default();
            (carried.from, carried.to) = (channel.from, channel.to);
            carried.sent += tally.sent;
            carried.received += tally.received;
        }
    }
    let mut operators = BTreeMap::<usize, OperatorState>::new();
    for worker in workers {
        for (operator, tally) in worker.plan.operators.iter().zip(&worker.operators) {
            let state = operators.entry(operator.id).or_insert_with(|| OperatorState::new(operator));
            let seconds = tally.spent.as_secs_f64();
            state.seconds += seconds;
            state.seconds_by_worker.push(seconds);
            state.runs += tally.runs;
            state.records_held += tally.held;
            state.held_by_worker.push(tally.held);
            state.records_waiting += tally.waiting;
            state.bytes_waiting += tally.waiting_bytes;
        }
    }
    // all channels of one output carry the same records
    let mut outputs = BTreeMap::<(usize, usize), u64>::new();
    for Carried { from, to, sent, received } in channels.into_values() {
        let most = outputs.entry(from).or_default();
        *most = sent.max(*most);
        if let Some(state) = operators.get_mut(&to) {
            state.records_in += received;
            state.inputs.push(OperatorInput { from: from.0, records: received });
        }
    }
    for ((id, _), sent) in outputs {
        if let Some(state) = operators.get_mut(&id) {
            state.records_out += sent;
        }
    }
    by_part(workers, operators)
}

fn by_part(workers: &[Arc<WorkerReport>], mut operators: BTreeMap<usize, OperatorState>) -> Vec<Part> {
    let mut parts = vec![Part { name: None, operators: Vec::new() }];
    for operator in workers.iter().flat_map(|worker| &worker.plan.operators) {
        let Some(state) = operators.remove(&operator.id) else { continue };
        let name = operator.part.as_deref();
        match parts.iter_mut().find(|part| part.name.as_deref() == name) {
            Some(part) => part.operators.push(state),
            None => parts.push(Part { name: name.map(str::to_owned), operators: vec![state] }),
        }
    }
    parts.retain(|part| !part.operators.is_empty());
    parts
}

impl OperatorState {
    fn new(Operator { id, address, name, .. }: &Operator) -> Self {
        OperatorState {
            id: *id,
            name: name.clone(),
            address: address.clone(),
            seconds: 0.0,
            seconds_by_worker: Vec::new(),
            runs: 0,
            records_in: 0,
            records_out: 0,
            records_held: 0,
            held_by_worker: Vec::new(),
            records_waiting: 0,
            bytes_waiting: 0,
            inputs: Vec::new(),
        }
    }
}
