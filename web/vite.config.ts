import { defineConfig } from "vite";
import { embedBuild } from "./embed-build.ts";
import { mpegtsFixes } from "./mpegts-fixes.ts";

// `npm run dev` serves the page and hands everything else to a weir that runs
// beside it with its default ports.
const server = "http://127.0.0.1:8080";
const media = { target: server, ws: true };

export default defineConfig({
  plugins: [mpegtsFixes(), embedBuild()],
  // The development server bundles packages before, without the plugins above.
  optimizeDeps: { rolldownOptions: { plugins: [mpegtsFixes()] } },
  build: {
    target: "es2022",
    // Every file is one of ours under /assets/: the Content-Security-Policy
    // needs no data: URL.
    assetsInlineLimit: 0,
    // The browsers that have module scripts and Media Source have preloading.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // The libraries are files of their own, with what they export by its name.
      input: ["index.html", "src/player/lib-flv.ts", "src/player/lib-hls.ts"],
      preserveEntrySignatures: "exports-only",
    },
  },
  server: {
    proxy: { "^/api/": server, "^/.*\\.(flv|mp4|m3u8)($|\\?)": media, "^/.*/~hls/": media, "^/.*/(whip|whep)($|[/?])": server },
  },
});
