import source from "mpegts.js/dist/mpegts.js?raw";
import { expect, it } from "vitest";
import { fixMpegts } from "./mpegts-fixes.ts";

it("knows the installed mpegts.js", () => {
  const fixed = fixMpegts(source);
  expect(fixed).toContain("(!_||255!==g)");
  expect(fixed).not.toContain("console.log(h),c.codecWidth");
});

it("refuses another", () => {
  expect(() => fixMpegts("another version")).toThrow("reference order hints of key frames: found 0 times");
  expect(() => fixMpegts(source + source)).toThrow("found 2 times");
});
