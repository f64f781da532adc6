//! [`Window`]: the last so many values, in order of arrival and in order of size.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The last `capacity` values; quantiles by looking up, a push by moving memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(super) struct Window {
    capacity: usize,
    arrived: VecDeque<f64>,
    sorted: Vec<f64>,
}

/// What is written down: the order of size follows.
#[derive(Serialize, Deserialize)]
struct Written {
    capacity: usize,
    arrived: VecDeque<f64>,
}

impl From<Window> for Written {
    fn from(Window { capacity, arrived, .. }: Window) -> Self {
        Written { capacity, arrived }
    }
}

impl From<Written> for Window {
    fn from(Written { capacity, arrived }: Written) -> Self {
        let mut sorted = Vec::from(arrived.clone());
        sorted.sort_by(f64::total_cmp);
        Window { capacity, arrived, sorted }
    }
}

impl Window {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, arrived: VecDeque::new(), sorted: Vec::new() }
    }

    /// Finite values only: the order of size is total among them.
    pub(super) fn push(&mut self, value: f64) {
        if self.arrived.len() >= self.capacity
            && let Some(oldest) = self.arrived.pop_front()
        {
            self.sorted.remove(self.sorted.partition_point(|kept| *kept < oldest).min(self.sorted.len() - 1));
        }
        self.arrived.push_back(value);
        self.sorted.insert(self.sorted.partition_point(|kept| *kept < value), value);
    }

    /// The value below which this part of the window lies; 0 while it is empty.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        let Some(last) = self.sorted.len().checked_sub(1) else { return 0.0 };
        let position = part * last as f64;
        let (low, high) = (self.sorted[position.floor() as usize], self.sorted[position.ceil() as usize]);
        low + (high - low) * position.fract()
    }

    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_last_values(values in prop::collection::vec(-1e3f64..1e3, 1..60), capacity in 1usize..20) {
            let mut window = Window::new(capacity);
            values.iter().for_each(|value| window.push(*value));
            let mut last = values[values.len().saturating_sub(capacity)..].to_vec();
            last.sort_by(f64::total_cmp);
            let again: Window = serde_json::from_str(&serde_json::to_string(&window).unwrap()).unwrap();
            prop_assert_eq!((&again.arrived, &again.sorted), (&window.arrived, &window.sorted));
            prop_assert_eq!(window.quantile(0.0), last[0]);
            prop_assert_eq!(window.quantile(1.0), last[last.len() - 1]);
            prop_assert!((window.median() - (last[(last.len() - 1) / 2] + last[last.len() / 2]) / 2.0).abs() < 1e-9);
        }
    }
}
