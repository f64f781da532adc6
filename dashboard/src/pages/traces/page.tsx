// Traces: those of the newest logs, one as a waterfall, and who calls whom.

import { Choice } from "../../parts/choice";
import { PageHead } from "../../parts/page";
import { useChoice, useUrl } from "../../url";
import { GraphPanel } from "./graph-panel";
import { TraceListPanel } from "./list";
import { OneTrace } from "./one";
import "./traces.css";

const SHOWN = ["list", "graph"] as const;
const TITLES = [
  { value: "list", title: "Traces" },
  { value: "graph", title: "Service graph" },
] as const;

export default function TracesPage() {
  const [params] = useUrl();
  const [shown, setShown] = useChoice("show", SHOWN);
  const trace = params.get("trace");
  if (trace) return <OneTrace id={trace} />;
  return (
    <>
      <PageHead title="Traces">
        <Choice label="What to show" options={TITLES} value={shown} onChange={setShown} />
      </PageHead>
      {shown === "graph" ? <GraphPanel /> : <TraceListPanel />}
    </>
  );
}
