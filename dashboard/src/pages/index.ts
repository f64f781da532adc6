// Every page: a line each. Pages load when they are first asked for.

import type { ComponentType } from "preact";
import type { IconName } from "../parts/icon";

export interface Page {
  path: string;
  title: string;
  icon: IconName;
  load: () => Promise<{ default: ComponentType }>;
  /** Not in the navigation. */
  hidden?: true;
}

export const PAGES: readonly Page[] = [
  { path: "/", title: "Overview", icon: "overview", load: () => import("./overview/page") },
  { path: "/logs", title: "Logs", icon: "logs", load: () => import("./logs/page") },
  { path: "/anomalies", title: "Anomalies", icon: "anomalies", load: () => import("./anomalies/page") },
  { path: "/alerts", title: "Alerts", icon: "alerts", load: () => import("./alerts/page") },
  { path: "/traces", title: "Traces", icon: "traces", load: () => import("./traces/page") },
  { path: "/patterns", title: "Patterns", icon: "patterns", load: () => import("./patterns/page") },
  { path: "/pipeline", title: "Pipeline", icon: "pipeline", load: () => import("./pipeline/page") },
  { path: "/login", title: "Sign in", icon: "login", load: () => import("./login/page"), hidden: true },
];
