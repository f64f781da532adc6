// What operators of some names do, for whoever has not written them.

const ABOUT: readonly [RegExp, string][] = [
  [/^Fold$/, "Folds logs into one partial aggregate per key and pane: the only work that is done per log"],
  [/^Merge$/, "Merges the workers' partial aggregates into the rows of windows"],
  [/^Publish$/, "Hands a view's changes to the thread that publishes it"],
  [/^Arrange/, "Keeps rows in order, indexed by key, for the operators that look them up"],
  [/^Reduce/, "Works out anew what follows from the rows of a key, where one of them changed"],
  [/^Join/, "Brings rows of two arrangements together, by key"],
  [/^Measure$/, "Works out what the alert rules in force ask for"],
  [/^Threshold|^Distinct/, "Keeps one of rows that are alike"],
  [/^Dataflow$/, "The bookkeeping of all operators: who may go on"],
  [/^Watermark$/, "Joins what all partitions say of event time"],
  [/^Read$/, "Tells the committer how far sources have been read"],
  [/^Broadcast$/, "Passes on what every worker has to know"],
  [/^Input$|^Feedback$/, "Where something enters the dataflow"],
  [/^Probe$/, "Sees which epochs are complete"],
  [/^Concat/, "Brings streams together"],
  [/Map|Filter|Inspect|AsCollection|Enter|Leave/, "Passes rows on, one by one"],
];

export function about(operator: string): string | undefined {
  return ABOUT.find(([name]) => name.test(operator))?.[1];
}
