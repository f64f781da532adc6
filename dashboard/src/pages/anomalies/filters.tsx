// Which anomalies are shown: of which metric, service and severity.

import { type Anomaly, metricTitle } from "../../api/anomalies";
import { SEVERITIES } from "../../parts/badge";

export interface Wanted {
  metric: string;
  service: string;
  severity: string;
}

export interface FiltersProps {
  anomalies: readonly Anomaly[];
  wanted: Wanted;
  change: (changes: Partial<Wanted> & { id?: null }) => void;
}

export function Filters({ anomalies, wanted, change }: FiltersProps) {
  const services = distinct(
    anomalies.map((anomaly) => anomaly.service ?? ""),
    wanted.service,
  );
  const metrics = distinct(
    anomalies.map((anomaly) => anomaly.metric_name),
    wanted.metric,
  );
  return (
    <div class="anomaly-filters">
      <Select
        label="Metric"
        all="All metrics"
        value={wanted.metric}
        onChange={(metric) => change({ metric, id: null })}
      >
        {metrics.map((metric) => ({ value: metric, title: metricTitle(metric) }))}
      </Select>
      <Select
        label="Service"
        all="All services"
        value={wanted.service}
        onChange={(service) => change({ service, id: null })}
      >
        {services.map((service) => ({ value: service, title: service }))}
      </Select>
      <Select
        label="Severity"
        all="All severities"
        value={wanted.severity}
        onChange={(severity) => change({ severity, id: null })}
      >
        {SEVERITIES.map((severity) => ({ value: severity, title: severity }))}
      </Select>
    </div>
  );
}

interface SelectProps {
  label: string;
  all: string;
  value: string;
  onChange: (value: string) => void;
  children: { value: string; title: string }[];
}

function Select({ label, all, value, onChange, children }: SelectProps) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      <option value="">{all}</option>
      {children.map((option) => (
        <option key={option.value} value={option.value}>
          {option.title}
        </option>
      ))}
    </select>
  );
}

/** What there is, sorted; what is chosen is there in any case. */
function distinct(values: readonly string[], chosen: string): string[] {
  return [...new Set([...values, chosen])].filter(Boolean).sort();
}
