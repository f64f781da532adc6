// Alerts: what fires and fired, the rules by which, silences, and notices that did not arrive.

import { alerts, rules, silences } from "../../api/alerts";
import { usePoll } from "../../api/poll";
import { Icon } from "../../parts/icon";
import { count } from "../../parts/numbers";
import { PageHead } from "../../parts/page";
import { useChoice, useUrl } from "../../url";
import { AlertDetails } from "./alert-details";
import { AlertList } from "./alert-list";
import { BacktestDialog } from "./backtest-dialog";
import { Notices } from "./notices";
import { RuleEditor } from "./rule-editor";
import { RuleList } from "./rule-list";
import { SilenceForm } from "./silence-form";
import { SilenceList } from "./silence-list";
import "./alerts.css";

const TABS = ["alerts", "rules", "silences", "notices"] as const;

/** How many alerts are looked at for what is open now. */
const NEWEST = 500;

export default function AlertsPage() {
  const [tab, setTab] = useChoice("tab", TABS);
  const [params, change] = useUrl();
  const found = usePoll("alerts", (signal) => alerts({ limit: NEWEST }, signal), 2000);
  const known = usePoll("rules", rules, 10_000);
  const quiet = usePoll("silences", silences, 10_000);

  const open = found.data?.alerts.filter(({ status }) => status !== "resolved") ?? [];
  const silent = quiet.data?.filter(({ state }) => state === "active") ?? [];
  const numbers = {
    alerts: open.filter(({ status }) => status === "firing" || status === "no_data").length,
    rules: known.data?.length ?? 0,
    silences: silent.length,
    notices: 0,
  };
  const titles = { alerts: "Alerts", rules: "Rules", silences: "Silences", notices: "Notices" };
  const chosen = params.get("rule");
  const edited = known.data?.find(({ id }) => id === chosen);
  const tested = known.data?.find(({ id }) => id === params.get("backtest"));
  const reload = () => {
    found.reload();
    known.reload();
    quiet.reload();
  };
  return (
    <>
      <PageHead title="Alerts">
        <button type="button" onClick={() => change({ silence: "new" }, { push: true })}>
          Silence
        </button>
        <button type="button" class="primary" onClick={() => change({ rule: "new" }, { push: true })}>
          <Icon name="plus" /> New rule
        </button>
      </PageHead>
      <nav class="tabs" aria-label="Of alerts">
        {TABS.map((name) => (
          <button
            type="button"
            key={name}
            aria-current={name === tab ? "page" : undefined}
            onClick={() => setTab(name)}
          >
            {titles[name]}
            {numbers[name] > 0 && (
              <span class={name === "alerts" ? "tab-count tab-count-bad" : "tab-count"}>
                {count(numbers[name])}
                {name === "alerts" && <span class="hidden"> firing</span>}
              </span>
            )}
          </button>
        ))}
      </nav>
      <p class="hidden" aria-live="polite">
        {found.data ? `${numbers.alerts} alerts fire` : ""}
      </p>
      {tab === "alerts" && <AlertList found={found} silences={silent} rules={known.data ?? []} />}
      {tab === "rules" && <RuleList known={known} open={open} />}
      {tab === "silences" && <SilenceList known={quiet} />}
      {tab === "notices" && <Notices rules={known.data ?? []} />}

      {params.get("alert") && (
        <AlertDetails id={params.get("alert") ?? ""} rules={known.data ?? []} onChange={found.reload} />
      )}
      {chosen === "new" && <RuleEditor key="new" onChange={reload} />}
      {edited && <RuleEditor key={edited.id} rule={edited} onChange={reload} />}
      {tested && <BacktestDialog key={tested.id} rule={tested} />}
      {params.get("silence") === "new" && <SilenceForm onChange={reload} />}
    </>
  );
}
