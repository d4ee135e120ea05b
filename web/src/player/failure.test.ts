import { describe, expect, it } from "vitest";
import { closeFailure, mediaFailure, statusFailure } from "./failure";

describe("statusFailure", () => {
  it.each([
    [401, "You are not allowed to play this stream.", true, false],
    [403, "You are not allowed to play this stream.", true, false],
    [404, "The stream is not live.", false, false],
    [415, "The server cannot send this stream in this form.", true, true],
    [503, "The server answers with HTTP 503.", false, false],
  ])("%d", (status, message, final, elsewhere) => expect(statusFailure(status)).toEqual({ message, final, elsewhere }));
});

describe("closeFailure", () => {
  it.each([
    ["stream_not_found", "The stream is not live.", false],
    ["stream_ended", "The stream has ended.", false],
    ["unsupported", "The server cannot send this stream in this form.", true],
    ["kicked", "The server has ended this session.", true],
    ["internal_error", "The server closes the connection: internal error.", false],
    ["toString", "The server closes the connection: toString.", false],
    ["", "The connection broke.", false],
  ])("%j", (reason, message, final) => expect(closeFailure(reason)).toMatchObject({ message, final }));
});

describe("mediaFailure", () => {
  it("goes on past packets without media", () => {
    expect(mediaFailure("FormatError", "Flv: Invalid video packet type 4")).toBeNull();
  });
  it.each([
    ["an unknown FourCC", "CodecUnsupported", "Flv: Unsupported codec in video frame: vp09",
      "This browser cannot play the stream's codecs (Unsupported codec in video frame: vp09).", true],
    ["a refused source buffer", "MediaMSEError", { code: 9, msg: "no hvc1" }, "This browser cannot play the stream's codecs (no hvc1).", true],
    ["a full buffer", "MediaMSEError", { code: 22, msg: "quota" }, "The stream could not be decoded.", false],
    ["broken media", "FormatError", "Flv: No SPS", "The stream could not be decoded.", false],
    ["no more known", "MediaMSEError", undefined, "The stream could not be decoded.", false],
  ] as const)("%s", (_, detail, info, message, final) => {
    expect(mediaFailure(detail, info)).toEqual({ message, final, elsewhere: true });
  });
});
