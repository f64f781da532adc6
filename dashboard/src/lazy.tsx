// A page that is loaded when it is first shown.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Skeleton } from "./parts/empty";

type Load = () => Promise<{ default: ComponentType }>;

const loaded = new Map<Load, ComponentType>();

/** Begins to load what will be shown soon. */
export function preload(load: Load): void {
  // what fails now is told when it is shown
  void fetched(load).catch(() => undefined);
}

async function fetched(load: Load): Promise<ComponentType> {
  const known = loaded.get(load);
  if (known) return known;
  const component = (await load()).default;
  loaded.set(load, component);
  return component;
}

export function Lazy({ load }: { load: Load }) {
  const [failed, setFailed] = useState<Load>();
  const [, setArrived] = useState<Load>();
  useEffect(() => {
    if (loaded.has(load)) return;
    fetched(load).then(
      () => setArrived(() => load),
      () => setFailed(() => load),
    );
  }, [load]);
  const Page = loaded.get(load);
  if (Page) return <Page />;
  if (failed !== load) return <Skeleton lines={6} />;
  return (
    <Empty title="This page did not load" icon="warning">
      The job was replaced by another version, or does not answer.{" "}
      <button type="button" onClick={() => location.reload()}>
        Load again
      </button>
    </Empty>
  );
}
