// The signalling that WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) share: an
// offer is posted, and the session that its answer names is deleted at the end.

import { apiError } from "../api";

// A connection that waits to be closed until the server has heard of it waits no
// longer than this.
const leaveMs = 2000;

/** Ends a session at the server; done when the server has heard of it, or will not. */
export type Leave = () => Promise<void>;

/**
 * Offers a connection to `url`, with an Authorization header unless that is
 * empty, and takes the answer. It throws what fetch throws, an ApiError for a
 * refusal, and a DOMException if the browser cannot use the answer.
 */
export async function exchange(pc: RTCPeerConnection, url: string, authorization: string, signal: AbortSignal): Promise<Leave> {
  const offer = stereo((await pc.createOffer()).sdp ?? "");
  const headers: Record<string, string> = { "Content-Type": "application/sdp" };
  if (authorization) headers.Authorization = authorization;
  const res = await fetch(url, { method: "POST", headers, body: offer, signal, cache: "no-store" });
  if (res.status !== 201) throw await apiError(res);
  const location = res.headers.get("Location");
  const leave = async () => {
    if (location === null) return;
    // It outlives the page.
    const gone = { method: "DELETE", keepalive: true, signal: AbortSignal.timeout(leaveMs) };
    await fetch(new URL(location, url), gone).catch(() => undefined);
  };
  try {
    const answer = await res.text();
    const servers = iceServers(res.headers.get("Link") ?? "");
    if (servers.length > 0) pc.setConfiguration({ ...pc.getConfiguration(), iceServers: servers });
    // The search for candidates begins here, by these servers. The server needs
    // none of ours: it answers where our checks come from.
    await pc.setLocalDescription({ type: "offer", sdp: offer });
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
  } catch (err) {
    void leave();
    throw err;
  }
  return leave;
}

/** Asks for both channels of Opus, which some browsers mix down to one unless they are told (RFC 7587, 6.1). */
export function stereo(sdp: string): string {
  return sdp.replace(/^a=fmtp:(?!.*stereo=).*useinbandfec=1.*$/gm, "$&;stereo=1");
}

const linkItem = /<([^>]*)>((?:\s*;\s*[\w-]+=(?:"(?:[^"\\]|\\.)*"|[^",;\s]*))*)/g;
const linkParameter = /;\s*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*))/g;

/** The ICE servers in a Link header (RFC 9725, 4.6). */
export function iceServers(link: string): RTCIceServer[] {
  return [...link.matchAll(linkItem)].flatMap(([, urls = "", parameters = ""]) => {
    const named = new Map([...parameters.matchAll(linkParameter)].map(([, name, quoted, plain]) => [name, quoted?.replace(/\\(.)/g, "$1") ?? plain]));
    if (named.get("rel") !== "ice-server") return [];
    const [username, credential] = [named.get("username"), named.get("credential")];
    return [username !== undefined && credential !== undefined ? { urls, username, credential } : { urls }];
  });
}
