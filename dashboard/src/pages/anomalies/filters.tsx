// Which anomalies are shown: of which metric, service and severity.

import { type Anomaly, metricTitle } from "../../api/anomalies";
import { SEVERITIES } from "../../parts/badge";
import { distinct, Select } from "../../parts/select";

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
        options={metrics.map((metric) => ({ value: metric, title: metricTitle(metric) }))}
      />
      <Select
        label="Service"
        all="All services"
        value={wanted.service}
        onChange={(service) => change({ service, id: null })}
        options={services.map((service) => ({ value: service, title: service }))}
      />
      <Select
        label="Severity"
        all="All severities"
        value={wanted.severity}
        onChange={(severity) => change({ severity, id: null })}
        options={SEVERITIES.map((severity) => ({ value: severity, title: severity }))}
      />
    </div>
  );
}
