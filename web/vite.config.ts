import { defineConfig } from "vite";

// `npm run dev` serves the page and hands everything else to a weir that runs
// beside it with its default ports.
const server = "http://127.0.0.1:8080";

export default defineConfig({
  build: {
    target: "es2022",
    // Every file is one of ours under /assets/: the Content-Security-Policy
    // needs no data: URL.
    assetsInlineLimit: 0,
    // The browsers that have module scripts and Media Source have preloading.
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { "^/api/": server, "^/.*\\.flv($|\\?)": server },
  },
});
