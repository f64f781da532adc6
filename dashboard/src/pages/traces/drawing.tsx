// The service graph as boxes and lines.

import { useMemo } from "preact/hooks";
import type { GraphEdge, ServiceGraph } from "../../api/traces";
import { compact, points } from "../../parts/numbers";
import { BOX, type Layout, layOut, type PlacedNode } from "./layout";

/** From so many percent of failures on, a line says so. */
const BAD_FROM = 10;
const EDGE = 8;
/** A narrow window shows it so much smaller, and scrolls. */
const SMALLEST = 0.75;

export interface DrawingProps {
  graph: ServiceGraph;
  chosen: string | null;
  onChoose: (service: string) => void;
}

export function Drawing({ graph, chosen, onChoose }: DrawingProps) {
  // where services stand depends on who calls whom alone, lest they jump about
  const shape = graph.edges.map(({ caller, callee }) => `${caller}>${callee}`).join();
  const layout = useMemo(() => layOut(graph.nodes, graph.edges), [shape]);
  const width = layout.width + 2 * EDGE;
  const most = Math.max(...graph.edges.map(({ rate }) => rate), 1);
  const now = new Map(graph.nodes.map((node) => [node.service, node]));
  const isNear = ({ caller, callee }: GraphEdge) => !chosen || caller === chosen || callee === chosen;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <section class="graph" aria-label="Service graph" tabIndex={0}>
      <svg
        viewBox={`${-EDGE} ${-EDGE} ${width} ${layout.height + 2 * EDGE}`}
        style={{ maxWidth: width, minWidth: SMALLEST * width }}
      >
        <title>Who calls whom</title>
        {graph.edges.map((edge) => (
          <Line
            key={`${edge.caller} ${edge.callee}`}
            edge={edge}
            layout={layout}
            part={edge.rate / most}
            isFaint={!isNear(edge)}
          />
        ))}
        {[...layout.nodes.values()].map((placed) => (
          <Box
            key={placed.node.service}
            placed={{ ...placed, node: now.get(placed.node.service) ?? placed.node }}
            isChosen={placed.node.service === chosen}
            onChoose={onChoose}
          />
        ))}
      </svg>
    </section>
  );
}

interface LineProps {
  edge: GraphEdge;
  layout: Layout;
  part: number;
  isFaint: boolean;
}

function Line({ edge, layout, part, isFaint }: LineProps) {
  const [from, to] = [layout.nodes.get(edge.caller), layout.nodes.get(edge.callee)];
  if (!from || !to || from === to) return null;
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const bend = Math.max(40, Math.abs(x2 - x1) / 2);
  const isBad = edge.error_rate >= BAD_FROM;
  return (
    <path
      class={`graph-line ${isBad ? "graph-line-bad" : ""} ${isFaint ? "graph-faint" : ""}`}
      d={`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`}
      stroke-width={1 + 5 * Math.sqrt(part)}
    >
      <title>
        {`${edge.caller} calls ${edge.callee}: ${compact(edge.rate)} a minute, ${points(edge.error_rate)} fail`}
      </title>
    </path>
  );
}

interface BoxProps {
  placed: PlacedNode;
  isChosen: boolean;
  onChoose: (service: string) => void;
}

function Box({ placed: { node, x, y }, isChosen, onChoose }: BoxProps) {
  const choose = () => onChoose(node.service);
  const byKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a drawing has no buttons of its own
    <g
      class={`graph-box ${isChosen ? "graph-chosen" : ""}`}
      transform={`translate(${x} ${y})`}
      role="button"
      tabindex={0} // SVG tells apart how attributes are written
      aria-pressed={isChosen}
      onClick={choose}
      onKeyDown={byKey}
    >
      <rect width={BOX.width} height={BOX.height} rx={6} />
      <text x={12} y={18} class="graph-name">
        {node.service}
      </text>
      <text x={12} y={34} class="graph-note">
        {compact(node.rate)}/min ·{" "}
        <tspan class={node.error_rate >= BAD_FROM ? "graph-bad" : ""}>{points(node.error_rate)} errors</tspan>
      </text>
    </g>
  );
}
