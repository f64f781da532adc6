// Where one can go: at the left on a desk, at the bottom on a phone.

import type { ComponentChildren } from "preact";
import { Link } from "wouter-preact";
import { preload } from "./lazy";
import { OpenAlerts } from "./open-alerts";
import { PAGES } from "./pages";
import { Icon } from "./parts/icon";
import { chooseTheme, isDark } from "./theme";

export function Navigation({ path, children }: { path: string; children: ComponentChildren }) {
  return (
    <header class="side">
      <Link href="/" class="brand">
        <img src="/favicon.svg" alt="" width="24" height="24" />
        Highwater
      </Link>
      <nav class="nav" aria-label="Pages">
        <ul>
          {PAGES.filter((page) => !page.hidden).map((page) => (
            <li key={page.path}>
              <Link
                href={page.path}
                class="nav-link"
                aria-current={page.path === path ? "page" : undefined}
                onPointerEnter={() => preload(page.load)}
                onFocus={() => preload(page.load)}
              >
                <Icon name={page.icon} />
                <span>{page.title}</span>
                {page.path === "/alerts" && <OpenAlerts />}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div class="side-foot">
        {children}
        <ThemeSwitch />
      </div>
    </header>
  );
}

function ThemeSwitch() {
  const other = isDark.value ? "light" : "dark";
  return (
    <button type="button" class="quiet" onClick={() => chooseTheme(other)} title={`Show it ${other}`}>
      <Icon name={isDark.value ? "sun" : "moon"} />
      <span class="side-label">{isDark.value ? "Light" : "Dark"}</span>
    </button>
  );
}
