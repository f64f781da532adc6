// The shell around every page: navigation, how the job is, light or dark, who looks.
//
// How a page is added:
//   1. `pages/<name>/page.tsx` exports a component by default. It begins with `<PageHead title="...">`, and what it
//      shows stands in `<Card>`s, in a `<div class="grid">` where they stand side by side.
//   2. A line in `pages/index.ts` gives its path, its title, its icon (`parts/icon.tsx`), and how it is loaded.
//   3. Its calls stand in `api/<name>.ts`: `get` and `send` of `api/client.ts`, typed as the API has it. A page asks
//      again and again by `usePoll`, follows a small view by `useView`, and reads a stream by `openStream`.
//   4. What somebody chose stands in the address: `useUrl` and `useChoice` of `url.ts`.
//   5. Its styles are in a file beside it, which it imports, made of the custom properties of `styles/tokens.css`.
//      No `style="..."`: the policy of the page lets no style stand in HTML, and what scripts set is for sizes alone.

import { useEffect, useRef } from "preact/hooks";
import { Route, Switch, useLocation } from "wouter-preact";
import { JobStatus } from "./job-status";
import { Lazy } from "./lazy";
import { Navigation } from "./navigation";
import { NotFound } from "./not-found";
import { PAGES } from "./pages";
import { title } from "./title";
import { Visitor } from "./visitor";

export function App() {
  const [path] = useLocation();
  const page = PAGES.find((page) => page.path === path);
  const isFirst = useRef(true);
  useEffect(() => {
    title.value = page?.title ?? "";
    window.scrollTo(0, 0);
    // whoever goes by keys or by ear goes on in the new page; the first one is where it is
    if (!isFirst.current) document.getElementById("main")?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [page]);
  const isAlone = path === "/login";
  return (
    <div class={isAlone ? "shell shell-alone" : "shell"}>
      <a class="skip" href="#main">
        To the content
      </a>
      {!isAlone && (
        <Navigation path={path}>
          <JobStatus />
          <Visitor />
        </Navigation>
      )}
      <main id="main" tabIndex={-1}>
        <Switch>
          {PAGES.map((page) => (
            <Route key={page.path} path={page.path}>
              <Lazy load={page.load} />
            </Route>
          ))}
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </main>
    </div>
  );
}
