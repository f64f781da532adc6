// Where no page is.

import { Link } from "wouter-preact";
import { Empty } from "./parts/empty";
import { PageHead } from "./parts/page";

export function NotFound() {
  return (
    <>
      <PageHead title="No such page" />
      <Empty title="Nothing is at this address" icon="search">
        Back to the <Link href="/">overview</Link>.
      </Empty>
    </>
  );
}
