//! What is yet to be logged, in order of when: a timing wheel with a slot a millisecond.
//!
//! A request is planned as a whole when it arrives, its logs come as time passes. A wheel takes and gives a log in
//! constant time, however many are under way; a heap's cost would grow with the traffic.

/// How far ahead of the present a log may be planned, in milliseconds. A power of two.
pub(super) const HORIZON_MS: i64 = 8192;

const NONE: u32 = u32::MAX;

/// Items due within the horizon; those of one millisecond come in the order they were planned.
#[derive(Clone, Debug)]
pub(super) struct Wheel<T> {
    slots: Vec<Slot>,
    nodes: Vec<Node<T>>,
    free: u32,
}

#[derive(Clone, Debug)]
struct Slot {
    first: u32,
    last: u32,
}

#[derive(Clone, Debug)]
struct Node<T> {
    item: T,
    next: u32,
}

impl<T: Copy> Wheel<T> {
    pub(super) fn new() -> Self {
        Wheel { slots: vec![Slot { first: NONE, last: NONE }; HORIZON_MS as usize], nodes: Vec::new(), free: NONE }
    }

    /// Plans `item` for the millisecond `due`, which is at most [`HORIZON_MS`] past the last one popped from.
    pub(super) fn push(&mut self, due: i64, item: T) {
        let node = Node { item, next: NONE };
        let place = if self.free == NONE {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        } else {
            let place = self.free;
            self.free = self.nodes[place as usize].next;
            self.nodes[place as usize] = node;
            place
        };
        let slot = &mut self.slots[(due & (HORIZON_MS - 1)) as usize];
        if slot.first == NONE {
            slot.first = place;
        } else {
            self.nodes[slot.last as usize].next = place;
        }
        slot.last = place;
    }

    /// The next item due at the millisecond `now`.
    pub(super) fn pop(&mut self, now: i64) -> Option<T> {
        let slot = &mut self.slots[(now & (HORIZON_MS - 1)) as usize];
        let place = slot.first;
        let node = self.nodes.get_mut(place as usize)?;
        slot.first = node.next;
        node.next = self.free;
        self.free = place;
        Some(node.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_when_due_in_planned_order_and_places_are_used_again() {
        let mut wheel = Wheel::new();
        for round in 0..1000 {
            let now = -500 + round * 37;
            wheel.push(now + 1, 'b');
            wheel.push(now, 'a');
            wheel.push(now + 1, 'c');
            assert_eq!([wheel.pop(now), wheel.pop(now)], [Some('a'), None]);
            assert_eq!([wheel.pop(now + 1), wheel.pop(now + 1), wheel.pop(now + 1)], [Some('b'), Some('c'), None]);
        }
        assert_eq!(wheel.nodes.len(), 3);
    }
}
