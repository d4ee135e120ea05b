import { describe, expect, it } from "vitest";
import { keepTracks, Mp4Error, pieces, readFragment, readInit, type Piece } from "./mp4";

type Part = number[] | string;

function join(...parts: Part[]): number[] {
  return parts.flatMap((p) => (typeof p === "string" ? [...p].map((c) => c.charCodeAt(0)) : p));
}

const u32 = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const u64 = (n: number) => [...u32(Math.floor(n / 2 ** 32)), ...u32(n % 2 ** 32)];
const zeros = (n: number): number[] => new Array<number>(n).fill(0);

function box(type: string, ...content: Part[]): number[] {
  const body = join(...content);
  return join(u32(8 + body.length), type, body);
}

function trak(id: number, handler: string, timescale: number, entry: number[]): number[] {
  return box("trak",
    box("tkhd", zeros(12), u32(id), zeros(68)),
    box("mdia",
      box("mdhd", zeros(12), u32(timescale), zeros(8)),
      box("hdlr", zeros(8), handler, zeros(13)),
      box("minf", box("stbl", box("stsd", zeros(4), u32(1), entry)))));
}

const videoEntry = (type: string, ...config: number[][]) => box(type, zeros(78), ...config);
const audioEntry = (type: string, ...config: number[][]) => box(type, zeros(28), ...config);
const h264 = videoEntry("avc1", box("colr", zeros(4)), box("avcC", [1, 0x64, 0, 0x28, 0xff]));
// As ISO/IEC 14496-14 nests descriptors, sizes in four bytes.
const esds = (type: number, specific: number[]) => {
  const sized = (tag: number, content: number[]) => [tag, 0x80, 0x80, 0x80, content.length, ...content];
  return box("esds", zeros(4), sized(3, [0, 0, 0, ...sized(4, [type, 21, ...zeros(11), ...sized(5, specific)]), ...sized(6, [2])]));
};
const aac = audioEntry("mp4a", esds(0x40, [0x12, 0x10]));

function init(...traks: number[][]): number[] {
  const extends_ = traks.map((_, i) => box("trex", zeros(4), u32(i + 1), zeros(16)));
  return join(box("ftyp", "iso6", zeros(4)), box("moov", box("mvhd", zeros(100)), ...traks, box("mvex", ...extends_)));
}

function fragment(...runs: { id: number; time: number; wide?: boolean }[]): number[] {
  const trafs = runs.map(({ id, time, wide = true }) =>
    box("traf", box("tfhd", zeros(4), u32(id)), box("tfdt", wide ? [1, 0, 0, 0, ...u64(time)] : [0, 0, 0, 0, ...u32(time)]), box("trun", zeros(12))));
  return join(box("moof", box("mfhd", zeros(8)), ...trafs), box("mdat", zeros(5)));
}

const bytes = (...parts: number[][]) => new Uint8Array(join(...parts));
const avInit = init(trak(1, "vide", 90_000, h264), trak(2, "soun", 44_100, aac));

describe("readInit", () => {
  it("knows the tracks", () => {
    expect(readInit(bytes(avInit))).toEqual([
      { id: 1, kind: "video", timescale: 90_000, codec: "avc1.640028" },
      { id: 2, kind: "audio", timescale: 44_100, codec: "mp4a.40.2" },
    ]);
  });

  it.each([
    ["vide", videoEntry("hvc1", box("hvcC", [1, 0x21, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 123])), "hvc1.1.6.H123.B0"],
    ["vide", videoEntry("hev1", box("hvcC", [1, 0x02, 0x20, 0, 0, 0, 0x90, 0, 0x10, 0, 0, 0, 93])), "hev1.2.4.L93.90.0.10"],
    ["vide", videoEntry("av01", box("av1C", [0x81, 0x08, 0x0c, 0])), "av01.0.08M.08"],
    ["vide", videoEntry("av01", box("av1C", [0x81, 0x2d, 0xcc, 0])), "av01.1.13H.10"],
    ["vide", videoEntry("vp09", box("vpcC", [1, 0, 0, 0, 2, 31, 0xa2, 0])), "vp09.02.31.10"],
    ["soun", audioEntry("mp4a", esds(0x40, [0xf9, 0x40])), "mp4a.40.42"],
    ["soun", audioEntry("mp4a", esds(0x6b, [])), "mp4a.6B"],
    ["soun", audioEntry("Opus", box("dOps", zeros(11))), "opus"],
    ["soun", audioEntry("fLaC", box("dfLa", zeros(42))), "flac"],
    ["soun", audioEntry("ac-3", box("dac3", zeros(3))), "ac-3"],
  ])("%s %# is %s", (handler, entry, codec) => expect(readInit(bytes(init(trak(1, handler, 1000, entry))))[0]?.codec).toBe(codec));
});

describe("readFragment", () => {
  it.each([
    ["one track", [{ id: 1, time: 900_000 }]],
    ["the end of what is exact", [{ id: 7, time: 2 ** 52 + 3 }]],
    ["short times", [{ id: 2, time: 2 ** 32 - 1, wide: false }]],
    ["two tracks", [{ id: 1, time: 5 }, { id: 2, time: 6 }]],
  ])("%s", (_, runs) => {
    expect(readFragment(bytes(fragment(...runs)))).toEqual(runs.map(({ id, time }) => ({ track: id, time })));
  });
});

describe("pieces", () => {
  it("parts what came together", () => {
    const f = fragment({ id: 1, time: 0 });
    const got = pieces(bytes(avInit, f, box("styp", zeros(4)), f, f));
    expect(got.map((p) => [p.kind, p.bytes.length])).toEqual([
      ["init", avInit.length], ["fragment", f.length + 12], ["fragment", f.length], ["fragment", f.length],
    ]);
  });

  it("knows large boxes and one to the end", () => {
    const large = join(u32(1), "mdat", u64(20), zeros(4));
    expect(pieces(bytes(box("moof"), large, box("moof"), join(u32(0), "mdat", zeros(9))))).toHaveLength(2);
  });
});

describe("keepTracks", () => {
  it("makes an init segment one of fewer tracks", () => {
    const b = bytes(avInit);
    expect(keepTracks({ kind: "init", bytes: b }, new Set([1]))).toBe(true);
    expect(readInit(b).map((t) => t.id)).toEqual([1]);
    expect(b.length).toBe(avInit.length);
    expect(String.fromCharCode(...b).split("trex")).toHaveLength(2);
  });

  it("makes a fragment one of fewer tracks", () => {
    const b = bytes(fragment({ id: 1, time: 5 }, { id: 2, time: 6 }));
    expect(keepTracks({ kind: "fragment", bytes: b }, new Set([2]))).toBe(true);
    expect(readFragment(b)).toEqual([{ track: 2, time: 6 }]);
  });

  it("tells when nothing is left", () => {
    expect(keepTracks({ kind: "fragment", bytes: bytes(fragment({ id: 1, time: 5 })) }, new Set([2]))).toBe(false);
  });
});

// Whatever comes, it is read or refused with a Mp4Error.
function survive(b: Uint8Array): void {
  try {
    for (const p of pieces(b)) read(p);
  } catch (err) {
    if (!(err instanceof Mp4Error)) throw err;
  }
}

function read(piece: Piece): void {
  if (piece.kind === "init") readInit(piece.bytes);
  else readFragment(piece.bytes);
  keepTracks(piece, new Set([1]));
}

describe("hostile bytes", () => {
  const whole = bytes(avInit, init(trak(1, "vide", 1, videoEntry("hvc1", box("hvcC", zeros(13))))), fragment({ id: 1, time: 5 }, { id: 2, time: 6 }));

  it.each([
    ["a box that is smaller than its header", join(u32(4), "ftyp")],
    ["a box that is larger than the rest", join(u32(100), "ftyp")],
    ["a large size that no number holds", join(u32(1), "ftyp", zeros(0).concat([255, 255, 255, 255, 255, 255, 255, 255]))],
    ["media at the beginning", box("mdat")],
    ["half a header", zeros(5)],
  ])("%s", (_, b) => expect(() => pieces(bytes(b))).toThrow(Mp4Error));

  it.each([
    ["an init segment without tracks' description", init(box("trak"))],
    ["a timescale of zero", init(trak(1, "vide", 0, h264))],
    ["no sample entry", init(trak(1, "vide", 1, []))],
    ["no configuration", init(trak(1, "vide", 1, videoEntry("avc1")))],
    ["a descriptor that is too long", init(trak(1, "soun", 1, audioEntry("mp4a", box("esds", zeros(4), [3, 0xff, 0xff, 0xff, 0x7f]))))],
  ])("%s", (_, b) => expect(() => readInit(bytes(b))).toThrow(Mp4Error));

  it("is read when cut anywhere", () => {
    for (let n = 0; n < whole.length; n++) survive(whole.slice(0, n));
  });

  it("is read with any bytes changed", () => {
    // A generator of our own, so that a failure comes again (Numerical Recipes, 7.1).
    let state = 1;
    const random = (n: number) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % n;
    for (let i = 0; i < 20_000; i++) {
      const b = whole.slice();
      for (let k = random(4); k >= 0; k--) b[random(b.length)] = random(256);
      survive(b);
    }
  });
});
