// A source of the page, as a module that Node runs: Vite takes the types away, as it does for the browser.

import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));

export async function load(path) {
  const server = await createServer({ root, logLevel: "error", server: { middlewareMode: true, ws: false } });
  try {
    return await server.ssrLoadModule(`/${path}`);
  } finally {
    await server.close();
  }
}
