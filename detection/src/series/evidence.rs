//! [`Evidence`]: what is a little strange again and again adds up.

use serde::{Deserialize, Serialize};

/// The part of the surprise before that counts with a row that surprises.
const PART: f64 = 0.1;
/// What is left of the surprise before with each row.
const KEPT: f64 = 0.87;

/// The surprise of the last rows, fading.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Evidence {
    before: f64,
}

impl Evidence {
    /// A row's surprise with what was strange shortly before; an ordinary row stays ordinary.
    pub(super) fn push(&mut self, surprise: f64) -> f64 {
        let whole = if surprise > 0.0 { surprise + PART * self.before } else { 0.0 };
        self.before = KEPT * self.before + surprise;
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_adds_up_within_bounds_and_fades() {
        let mut evidence = Evidence::default();
        let whole: Vec<f64> = (0..500).map(|_| evidence.push(2.0)).collect();
        assert_eq!(whole[0], 2.0);
        assert!(whole.windows(2).all(|pair| pair[0] <= pair[1]) && whole[499] <= 4.0 + 1e-9, "{}", whole[499]);
        assert!((0..100).all(|_| evidence.push(0.0) == 0.0));
        assert!(evidence.push(2.0) < 2.001);
    }
}
