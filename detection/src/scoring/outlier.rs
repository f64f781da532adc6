//! The score of outlier rankings: area under the ROC curve, average precision.
