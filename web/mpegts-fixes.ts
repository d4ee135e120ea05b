import type { Plugin } from "vite";

// What mpegts.js 1.8.2 does wrong with AV1 and what it should do, in its built
// file. Without this, about every other key frame seems to have another size,
// depending on its bits (https://github.com/xqq/mpegts.js/issues/245).
const fixes: [what: string, wrong: string, right: string][] = [
  [
    // AV1 specification, 5.9.2: showable_frame is there if show_frame is not set.
    "showable_frame",
    "l&&o.readBool(),u=!!",
    "l||o.readBool(),u=!!",
  ],
  [
    // 5.9.2: ref_order_hint is there if FrameIsIntra is not.
    "reference order hints of key frames",
    "(_||255!==g)&&u&&r.enable_order_hint",
    "(!_||255!==g)&&u&&r.enable_order_hint",
  ],
  [
    // 5.9.6: the sizes have 16 bits; no sizes of the sizes precede them.
    "render_size",
    "var l=e.readBits(16)+1,u=e.readBits(16)+1;d=e.readBits(l)+1,_=e.readBits(u)+1",
    "d=e.readBits(16)+1,_=e.readBits(16)+1",
  ],
  ["a print of each OBU's type", "console.log(r),1===r?", "1===r?"],
  ["a print of each key frame's header", "console.log(h),c.codecWidth=", "c.codecWidth="],
];

/** The built file of mpegts.js with its faults mended. It throws if it is another than the one it knows. */
export function fixMpegts(code: string): string {
  for (const [what, wrong, right] of fixes) {
    const parts = code.split(wrong);
    if (parts.length !== 2) {
      throw new Error(`mpegts.js: ${what}: found ${parts.length - 1} times instead of once; see whether this version still needs the fix`);
    }
    code = parts.join(right);
  }
  return code;
}

/** Applies fixMpegts while the console is built. */
export function mpegtsFixes(): Plugin {
  return {
    name: "mpegts-fixes",
    transform: {
      filter: { id: /\/mpegts\.js\/dist\/mpegts\.js$/ },
      handler: (code) => ({ code: fixMpegts(code), map: null }),
    },
  };
}
