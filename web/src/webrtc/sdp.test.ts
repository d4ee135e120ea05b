import { describe, expect, it } from "vitest";
import { fragmentOf, renew, stereo } from "./sdp";

describe("stereo", () => {
  it.each([
    ["a=fmtp:111 minptime=10;useinbandfec=1\r\na=x\r\n", "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\na=x\r\n"],
    ["a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n", "a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n"],
    ["a=fmtp:102 packetization-mode=1\r\n", "a=fmtp:102 packetization-mode=1\r\n"],
  ])("%j", (sdp, want) => expect(stereo(sdp)).toBe(want));
});

const sdp = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join("");

describe("fragmentOf", () => {
  const offer = sdp("v=0", "a=group:BUNDLE 0 1", "m=video 50004 UDP/TLS/RTP/SAVPF 96 97", "a=ice-ufrag:Ab/+", "a=ice-pwd:secret", "a=mid:0", "a=candidate:old",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:Ab/+", "a=ice-pwd:secret", "a=mid:1");
  const candidate = "candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host";

  it("has the ICE session of the first section, and the candidates that are given", () => {
    expect(fragmentOf(offer, [candidate])).toBe(
      sdp("a=ice-ufrag:Ab/+", "a=ice-pwd:secret", "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", `a=${candidate}`));
  });

  it("finds credentials before the sections", () => {
    const early = sdp("v=0", "a=ice-ufrag:u", "a=ice-pwd:p", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:a");
    expect(fragmentOf(early, [])).toBe(sdp("a=ice-ufrag:u", "a=ice-pwd:p", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:a"));
  });
});

describe("renew", () => {
  const answer = sdp("v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ice-ufrag:old", "a=ice-pwd:older", "a=mid:0", "a=candidate:1 1 udp 1 192.0.2.9 8189 typ host",
    "a=end-of-candidates", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:old", "a=ice-pwd:older", "a=mid:1");
  const fragment = sdp("a=ice-ufrag:new", "a=ice-pwd:newer", "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", "a=candidate:2 1 udp 1 192.0.2.9 8189 typ host",
    "a=candidate:3 1 tcp 1 192.0.2.9 8189 typ host tcptype passive");

  it("has the new ICE session in each section, and its candidates in the first", () => {
    expect(renew(answer, fragment)).toBe(sdp("v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ice-ufrag:new", "a=ice-pwd:newer", "a=mid:0",
      "a=candidate:2 1 udp 1 192.0.2.9 8189 typ host", "a=candidate:3 1 tcp 1 192.0.2.9 8189 typ host tcptype passive",
      "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:new", "a=ice-pwd:newer", "a=mid:1"));
  });

  it.each(["", "a=ice-ufrag:u\r\n", "<html>"])("refuses what is no fragment: %j", (text) => expect(() => renew(answer, text)).toThrow("no ICE session"));
});
