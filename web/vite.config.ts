import { defineConfig } from "vite";
import { mpegtsFixes } from "./mpegts-fixes.ts";

// `npm run dev` serves the page and hands everything else to a weir that runs
// beside it with its default ports.
const server = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [mpegtsFixes()],
  // The development server bundles packages before, without the plugins above.
  optimizeDeps: { rolldownOptions: { plugins: [mpegtsFixes()] } },
  build: {
    target: "es2022",
    // Every file is one of ours under /assets/: the Content-Security-Policy
    // needs no data: URL.
    assetsInlineLimit: 0,
    // The browsers that have module scripts and Media Source have preloading.
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { "^/api/": server, "^/.*\\.flv($|\\?)": { target: server, ws: true } },
  },
});
