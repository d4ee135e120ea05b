// Reads what a player must know of fragmented MP4 (ISO/IEC 14496-12): the tracks
// of an init segment, and the track and time of a fragment. Bytes may be cut or
// hostile: then Mp4Error is thrown, and nothing else.

/** The server's times in MP4 are that much greater than the stream's, so that none is negative (remux/fmp4). */
export const serverShiftMs = 10_000;

/** Bytes that are no fragmented MP4. */
export class Mp4Error extends Error {
  override name = "Mp4Error";
}

/** A box with its header at `start`, its content from `body` to `end`. */
interface Box {
  type: string;
  start: number;
  body: number;
  end: number;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function need(from: number, bytes: number, end: number, what: string): void {
  if (from + bytes > end) throw new Mp4Error(`${what} is cut off`);
}

/** The boxes of `bytes` between two offsets (4.2). */
function* boxes(bytes: Uint8Array, from: number, to: number): Generator<Box> {
  const v = view(bytes);
  for (let at = from; at < to; ) {
    need(at, 8, to, "a box header");
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    let size = v.getUint32(at);
    let header = 8;
    if (size === 1) {
      header = 16;
      need(at, header, to, "a large box header");
      size = Number(v.getBigUint64(at + 8));
    } else if (size === 0) {
      size = to - at;
    }
    if (size < header || at + size > to) throw new Mp4Error(`box ${JSON.stringify(type)} has ${size} bytes of ${to - at}`);
    yield { type, start: at, body: at + header, end: at + size };
    at += size;
  }
}

function children(bytes: Uint8Array, parent: Box, skip = 0): Generator<Box> {
  need(parent.body, skip, parent.end, parent.type);
  return boxes(bytes, parent.body + skip, parent.end);
}

function child(bytes: Uint8Array, parent: Box, ...path: string[]): Box {
  let box = parent;
  for (const type of path) {
    let found: Box | undefined;
    for (const b of children(bytes, box)) if (b.type === type) found ??= b;
    if (!found) throw new Mp4Error(`${box.type} has no ${type}`);
    box = found;
  }
  return box;
}

/** A piece of a stream: an init segment (ftyp and moov), or a fragment (moof and mdat). */
export interface Piece {
  kind: "init" | "fragment";
  bytes: Uint8Array;
}

/** Splits bytes at the beginnings of init segments and fragments; other boxes stay with what they follow. */
export function pieces(bytes: Uint8Array): Piece[] {
  const starts: { kind: Piece["kind"]; start: number }[] = [];
  for (const { type, start } of boxes(bytes, 0, bytes.length)) {
    if (type === "ftyp") starts.push({ kind: "init", start });
    else if (type === "moof") starts.push({ kind: "fragment", start });
    else if (starts.length === 0) throw new Mp4Error(`${JSON.stringify(type)} at the beginning`);
  }
  return starts.map(({ kind, start }, i) => ({ kind, bytes: bytes.subarray(start, starts[i + 1]?.start) }));
}

/** A track of an init segment. */
export interface InitTrack {
  id: number;
  kind: "video" | "audio" | "other";
  /** Units of its times in a second. */
  timescale: number;
  /** The codec as RFC 6381 writes it; the format of the sample entry if that is not known. */
  codec: string;
}

function top(bytes: Uint8Array, type: string): Box {
  return child(bytes, { type: "the file", start: 0, body: 0, end: bytes.length }, type);
}

/** The tracks of an init segment. */
export function readInit(bytes: Uint8Array): InitTrack[] {
  const tracks: InitTrack[] = [];
  for (const trak of children(bytes, top(bytes, "moov"))) {
    if (trak.type === "trak") tracks.push(readTrack(bytes, trak));
  }
  return tracks;
}

function readTrack(bytes: Uint8Array, trak: Box): InitTrack {
  const v = view(bytes);
  const header = child(bytes, trak, "mdia", "mdhd");
  // Version 1 has times of 64 bits (8.4.2).
  const scaleAt = header.body + (bytes[header.body] === 1 ? 20 : 12);
  need(scaleAt, 4, header.end, "mdhd");
  const timescale = v.getUint32(scaleAt);
  if (timescale === 0) throw new Mp4Error("mdhd has no timescale");
  const handler = child(bytes, trak, "mdia", "hdlr");
  need(handler.body, 12, handler.end, "hdlr");
  const name = String.fromCharCode(...bytes.subarray(handler.body + 8, handler.body + 12));
  const kind = name === "vide" ? "video" : name === "soun" ? "audio" : "other";
  return { id: trackId(bytes, trak), kind, timescale, codec: readCodec(bytes, trak, kind) };
}

function trackId(bytes: Uint8Array, trak: Box): number {
  const header = child(bytes, trak, "tkhd");
  const at = header.body + (bytes[header.body] === 1 ? 20 : 12); // 8.3.2
  need(at, 4, header.end, "tkhd");
  return view(bytes).getUint32(at);
}

// What precedes the boxes in a sample entry (12.1.3, 12.2.3).
const videoEntry = 78;
const audioEntry = 28;

function readCodec(bytes: Uint8Array, trak: Box, kind: InitTrack["kind"]): string {
  const [entry] = children(bytes, child(bytes, trak, "mdia", "minf", "stbl", "stsd"), 8);
  if (!entry) throw new Mp4Error("stsd is empty");
  const { type } = entry;
  const config = (box: string, least: number): Uint8Array => {
    for (const b of children(bytes, entry, kind === "audio" ? audioEntry : videoEntry)) {
      if (b.type !== box) continue;
      need(b.body, least, b.end, box);
      return bytes.subarray(b.body, b.end);
    }
    throw new Mp4Error(`${type} has no ${box}`);
  };
  switch (type) {
    case "avc1":
    case "avc3":
      return `${type}.${hex(...config("avcC", 4).subarray(1, 4))}`;
    case "hvc1":
    case "hev1":
      return `${type}.${hevc(config("hvcC", 13))}`;
    case "av01":
      return `${type}.${av1(config("av1C", 3))}`;
    case "vp09":
      return `${type}.${vp9(config("vpcC", 7))}`;
    case "mp4a":
      return `${type}.${objectType(config("esds", 4).subarray(4))}`;
    case "Opus":
    case "fLaC":
      return type.toLowerCase();
    default:
      return type;
  }
}

function hex(...values: number[]): string {
  return values.map((n) => n.toString(16).toUpperCase().padStart(2, "0")).join("");
}

const two = (n: number) => String(n).padStart(2, "0");

// HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3); the string is of E.3.
function hevc(c: Uint8Array): string {
  const [, general = 0] = c;
  const space = ["", "A", "B", "C"][general >> 6];
  let compatible = 0;
  for (let i = 0; i < 32; i++) compatible = (compatible << 1) | ((view(c).getUint32(2) >>> i) & 1);
  const constraints = [...c.subarray(6, 12)];
  while (constraints.at(-1) === 0) constraints.pop();
  const parts = [`${space}${general & 31}`, (compatible >>> 0).toString(16).toUpperCase(), `${general & 32 ? "H" : "L"}${c[12]}`];
  return [...parts, ...constraints.map((n) => n.toString(16).toUpperCase())].join(".");
}

// AV1CodecConfigurationBox (AV1-ISOBMFF, 2.3 and 5).
function av1([, profileLevel = 0, flags = 0]: Uint8Array): string {
  const depth = flags & 0x40 ? (flags & 0x20 ? 12 : 10) : 8;
  return `${profileLevel >> 5}.${two(profileLevel & 31)}${flags & 0x80 ? "H" : "M"}.${two(depth)}`;
}

// VPCodecConfigurationRecord after version and flags (VP Codec ISO Media File Format Binding).
function vp9([, , , , profile = 0, level = 0, depth = 0]: Uint8Array): string {
  return `${two(profile)}.${two(level)}.${two(depth >> 4)}`;
}

// Tags of descriptors (ISO/IEC 14496-1, 7.2.2.1).
const esDescriptor = 3;
const decoderConfig = 4;
const decoderSpecific = 5;
const mpeg4Audio = 0x40;

/** The part after "mp4a." (RFC 6381, 3.3): the object type and, of MPEG-4 audio, that of the sound. */
function objectType(bytes: Uint8Array): string {
  // Flags of ES_Descriptor name fields that may follow (7.2.6.5); files have none.
  const decoder = descriptor(descriptor(bytes, esDescriptor).subarray(3), decoderConfig);
  const [type = 0] = decoder;
  if (type !== mpeg4Audio) return hex(type);
  const [first = 0, second = 0] = descriptor(decoder.subarray(13), decoderSpecific);
  // ISO/IEC 14496-3, 1.6.2.1: 31 is followed by six more bits.
  const sound = first >> 3 === 31 ? 32 + (((first & 7) << 3) | (second >> 5)) : first >> 3;
  return `${hex(type)}.${sound}`;
}

/** The content of a descriptor (8.3.3), whose size has seven bits in each of up to four bytes. */
function descriptor(bytes: Uint8Array, tag: number): Uint8Array {
  if (bytes[0] !== tag) throw new Mp4Error(`esds has no descriptor ${tag}`);
  let size = 0;
  let at = 1;
  for (let more = true; more && at <= 4; at++) {
    const b = bytes[at] ?? 0;
    size = (size << 7) | (b & 0x7f);
    more = (b & 0x80) !== 0;
  }
  if (at + size > bytes.length) throw new Mp4Error(`descriptor ${tag} is cut off`);
  return bytes.subarray(at, at + size);
}

/** The samples of one track in a fragment. */
export interface Run {
  track: number;
  /** Decode time of the first, in units of the track. */
  time: number;
}

/** What a fragment holds. */
export function readFragment(bytes: Uint8Array): Run[] {
  return runs(bytes).map(({ track, time }) => ({ track, time }));
}

function runs(bytes: Uint8Array): (Run & { box: Box })[] {
  const found = [];
  for (const traf of children(bytes, top(bytes, "moof"))) {
    if (traf.type !== "traf") continue;
    const header = child(bytes, traf, "tfhd");
    need(header.body, 8, header.end, "tfhd");
    const time = child(bytes, traf, "tfdt");
    const wide = bytes[time.body] === 1; // 8.8.12
    need(time.body, wide ? 12 : 8, time.end, "tfdt");
    const v = view(bytes);
    found.push({
      box: traf,
      track: v.getUint32(header.body + 4),
      time: wide ? Number(v.getBigUint64(time.body + 4)) : v.getUint32(time.body + 4),
    });
  }
  return found;
}

/**
 * Makes an init segment or a fragment say nothing of tracks that are not in
 * `keep`: their boxes become free space (8.1.2), in place. It tells whether
 * any track is left.
 */
export function keepTracks({ kind, bytes }: Piece, keep: ReadonlySet<number>): boolean {
  let left = false;
  const judge = (box: Box, id: number) => {
    if (keep.has(id)) left = true;
    else bytes.set([0x66, 0x72, 0x65, 0x65], box.start + 4); // "free"
  };
  if (kind === "fragment") {
    for (const { box, track } of runs(bytes)) judge(box, track);
    return left;
  }
  const moov = top(bytes, "moov");
  for (const box of children(bytes, moov)) {
    if (box.type === "trak") judge(box, trackId(bytes, box));
  }
  for (const box of children(bytes, child(bytes, moov, "mvex"))) {
    if (box.type !== "trex") continue;
    need(box.body, 8, box.end, "trex");
    judge(box, view(bytes).getUint32(box.body + 4));
  }
  return left;
}
