// weir-player.js: defines <weir-player>. docs/player.md is its manual.

import type { Libraries } from "../player/transport";
import { playerElement } from "./element";

// The rest lies beside this script, wherever the page is from.
const here = (document.currentScript as HTMLScriptElement | null)?.src ?? location.href;
const load = async (file: string) => (await import(/* @vite-ignore */ new URL(file, here).href)).default;

const libraries: Libraries = {
  mpegts: () => load(libraryFiles.mpegts),
  hls: () => load(libraryFiles.hls),
};

// A page may have the script twice.
if (!customElements.get("weir-player")) customElements.define("weir-player", playerElement(libraries));
