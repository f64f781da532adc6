// What somebody on call keeps open.

import { overview, RANGES } from "../../api/metrics";
import { usePoll } from "../../api/poll";
import { Choice } from "../../parts/choice";
import { Figure, Trend } from "../../parts/figure";
import { compact, points } from "../../parts/numbers";
import { PageHead } from "../../parts/page";
import { useChoice } from "../../url";

export default function OverviewPage() {
  const [range, setRange] = useChoice("range", ["1h", ...RANGES.filter((range) => range !== "1h")]);
  const { data } = usePoll(range, (signal) => overview(range, signal), 2000);
  return (
    <>
      <PageHead title="Overview">
        <Choice label="Time range" options={RANGES} value={range} onChange={setRange} />
      </PageHead>
      <dl class="figures">
        <Figure label="Logs" value={data && compact(data.total_logs)} />
        <Figure
          label="Logs per minute"
          value={data && compact(data.logs_per_minute)}
          note={<Trend change={data?.trend.logs_per_minute} />}
        />
        <Figure label="Error rate" value={data && points(data.error_rate)} />
      </dl>
    </>
  );
}
