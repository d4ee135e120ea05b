import source from "mpegts.js/dist/mpegts.js?raw";
import { describe, expect, it } from "vitest";
import { fixMpegts } from "./mpegts-fixes.ts";

it("knows the installed mpegts.js", () => {
  const fixed = fixMpegts(source);
  expect(fixed).toContain("(!_||255!==g)");
  expect(fixed).not.toContain("console.log(h),c.codecWidth");
});

it("refuses another", () => {
  expect(() => fixMpegts("another version")).toThrow("showable_frame: found 0 times");
  expect(() => fixMpegts(source + source)).toThrow("found 2 times");
});

interface Av1Parser {
  parseOBUs(units: Uint8Array): { codec_size: object; present_size: object };
}

/** The AV1 parser inside, which the file keeps to itself. */
function av1Parser(code: string): Av1Parser {
  let parser: Av1Parser | undefined;
  const open = code.replace("e.parseOBUs=function", "expose(e),e.parseOBUs=function");
  const page = { navigator: { userAgent: "" } };
  new Function("expose", "window", "self", open).call({}, (p: Av1Parser) => (parser = p), page, page);
  return parser!;
}

// Beginnings of key frames of SVT-AV1 at 640x360: temporal delimiter, sequence
// header, frame.
describe("the size of AV1", () => {
  const parser = av1Parser(fixMpegts(source));
  it.each([
    "12000a0c0200000d2627fb3895f2008032e76110008420804100002fbc080f800bc0dd",
    "12000a0c0200000d2627fb3895f2008032925a119087c080c304101fbcf800dd4c6a7a",
    "12000a0c0200000d2627fb3895f20080329d5b1120872080c304101fbcf800dd4c6beb",
    "12000a0c0200000d2627fb3895f2008032a359117886e080c304101fbcf3c0dd4c6c18",
  ])("of the key frame %s", (hex) => {
    const units = Uint8Array.from(hex.match(/../g)!, (byte) => parseInt(byte, 16));
    const size = { width: 640, height: 360 };
    expect(parser.parseOBUs(units)).toMatchObject({ codec_size: size, present_size: size });
  });
});
