/** The files beside weir-player.js that it loads when a way needs them; embed-build.ts puts their names in. */
declare const libraryFiles: { mpegts: string; hls: string };
