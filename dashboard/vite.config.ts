import { defineConfig } from "vite";

// While the page is worked on, Vite serves it and hands calls on to a job that runs.
const job = process.env["HIGHWATER_URL"] ?? "http://127.0.0.1:8000";
const handedOn = { target: job, changeOrigin: true, headers: { origin: job } };

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the page's policy lets nothing run that stands in another file
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    license: { fileName: "assets/licenses.md" }, // of the libraries that the page carries
    reportCompressedSize: false,
  },
  server: {
    proxy: { "/api": handedOn, "/health": handedOn, "/docs": handedOn, "/openapi.json": handedOn },
  },
});
