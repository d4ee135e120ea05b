import { build, type Plugin } from "vite";

// What weir-player.js loads when a way needs it.
const libraries = { mpegts: "lib-flv", hls: "lib-hls" };

/**
 * Builds weir-player.js after the console: one classic script under a name that
 * stays, which knows the names of the libraries' files beside it.
 */
export function embedBuild(): Plugin {
  return {
    name: "embed-build",
    apply: "build",
    async writeBundle(_, bundle) {
      const file = (name: string) => {
        const entry = Object.values(bundle).find((b) => b.type === "chunk" && b.isEntry && b.name === name);
        if (!entry) throw new Error(`${name} was not built`);
        return entry.fileName.replace(/^.*\//, "");
      };
      const libraryFiles = { mpegts: file(libraries.mpegts), hls: file(libraries.hls) };
      await build({
        configFile: false,
        define: { libraryFiles: JSON.stringify(libraryFiles) },
        build: {
          target: "es2022",
          emptyOutDir: false,
          rolldownOptions: {
            input: "src/embed/main.ts",
            output: { format: "iife", entryFileNames: "assets/weir-player.js" },
          },
        },
      });
    },
  };
}
