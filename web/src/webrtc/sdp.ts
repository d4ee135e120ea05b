// What is read and changed in descriptions.

/** Asks for both channels of Opus, which some browsers mix down to one unless they are told (RFC 7587, 6.1). */
export function stereo(sdp: string): string {
  return sdp.replace(/^a=fmtp:(?!.*stereo=).*useinbandfec=1.*$/gm, "$&;stereo=1");
}

const credentialLines = /^a=ice-(?:ufrag|pwd):.*$/gm;
const candidateLines = /^a=candidate:.*$/gm;

/**
 * The body of a PATCH (RFC 8840, 9): the ICE session of an offer, with candidates
 * as RTCIceCandidate writes them.
 */
export function fragmentOf(offer: string, candidates: string[]): string {
  const [session = "", first = ""] = offer.split(/^(?=m=)/m);
  // All tracks share the transport of the first, which is named by its section.
  const media = first.match(/^m=(\w+) \d+ (\S+)/);
  const credentials = new Set([...(session.match(credentialLines) ?? []), ...(first.match(credentialLines) ?? [])]);
  const lines = [
    ...credentials,
    `m=${media?.[1] ?? "audio"} 9 ${media?.[2] ?? "UDP/TLS/RTP/SAVPF"} 0`,
    first.match(/^a=mid:.*$/m)?.[0] ?? "a=mid:0",
    ...candidates.map((c) => `a=${c}`),
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}

/** An answer once more, with the ICE session of a fragment. It throws if the fragment has none. */
export function renew(answer: string, fragment: string): string {
  const lines = new Map((fragment.match(credentialLines) ?? []).map((line) => [line.split(":", 1)[0]!, line]));
  if (lines.size !== 2) throw new DOMException("The server's fragment has no ICE session.", "DataError");
  const [session = "", first = "", ...others] = answer
    .replace(/^a=(?:candidate:.*|end-of-candidates)\r?\n/gm, "")
    .replace(credentialLines, (line) => lines.get(line.split(":", 1)[0]!)!)
    .split(/^(?=m=)/m);
  const candidates = (fragment.match(candidateLines) ?? []).map((line) => `${line}\r\n`);
  return [session, first, ...candidates, ...others].join("");
}
