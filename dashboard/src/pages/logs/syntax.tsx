// How a query is written: examples that can be tried at once.

import { Dialog } from "../../parts/dialog";

const EXAMPLES: readonly [string, string][] = [
  ["payment failed", "both words, in any order and any case"],
  ['"payment failed"', "these words one after the other"],
  ["pay*", "a word that begins so"],
  ["timeout OR refused", "either word; AND, OR and NOT are in capitals"],
  ["failed -payment", "the first word, without the second"],
  ["(timeout OR refused) AND NOT retry", "groups"],
  ["service:payment-service", "a service, whatever the case"],
  ["service:(cart-service OR pay*)", "several services, or how one begins"],
  ["level:>=WARN", "this level and graver ones: TRACE, DEBUG, INFO, WARN, ERROR, FATAL"],
  ["latency:>1.5s", "slower than so; also latency:[100 TO 500], in milliseconds"],
  ["timestamp:>now-15m", "by time; also timestamp:2026-11-20"],
  ["host:*", "that have a host at all; -host:* those that have none"],
  ["region:eu-central-1", "any other field of the record; dots step into objects, as in http.status:503"],
];

export interface SyntaxProps {
  onClose: () => void;
  onChoose: (example: string) => void;
}

export function Syntax({ onClose, onChoose }: SyntaxProps) {
  return (
    <Dialog title="How a query is written" side onClose={onClose}>
      <p class="dim">Words are sought in messages. Choose an example to try it.</p>
      <table class="syntax">
        <thead>
          <tr>
            <th scope="col">Query</th>
            <th scope="col">Finds logs with</th>
          </tr>
        </thead>
        <tbody>
          {EXAMPLES.map(([example, meaning]) => (
            <tr key={example}>
              <th scope="row">
                <button type="button" class="quiet mono" onClick={() => onChoose(example)}>
                  {example}
                </button>
              </th>
              <td>{meaning}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="dim">
        Text that has a colon or parentheses in it wants quotes. Fields that every log may have are message,
        level, service, host, trace_id, span_id, correlation_id, template_id, latency and timestamp.
      </p>
    </Dialog>
  );
}
