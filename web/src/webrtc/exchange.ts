// The signalling that WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) share: an
// offer is posted, and the answer names the session.

import { apiError } from "../api";
import { stereo } from "./sdp";
import { authorized, Session, type Authorization } from "./session";

/**
 * Offers a connection to `url` and takes the answer. It throws what fetch throws,
 * an ApiError for a refusal, and a DOMException if the browser cannot use the answer.
 */
export async function exchange(pc: RTCPeerConnection, url: string, authorization: Authorization, signal: AbortSignal): Promise<Session> {
  const offer = stereo((await pc.createOffer()).sdp ?? "");
  const headers = { "Content-Type": "application/sdp" };
  const res = await fetch(url, authorized(authorization, { method: "POST", headers, body: offer, signal, cache: "no-store" }));
  if (res.status !== 201) throw await apiError(res);
  const location = res.headers.get("Location");
  const resource = { url: location === null ? null : new URL(location, url), etag: res.headers.get("ETag") ?? "" };
  const session = new Session(pc, resource, authorization);
  try {
    const answer = await res.text();
    const servers = iceServers(res.headers.get("Link") ?? "");
    if (servers.length > 0) pc.setConfiguration({ ...pc.getConfiguration(), iceServers: servers });
    // The search for candidates begins here, by these servers, and nobody waits
    // for it: the session tells what is found.
    await pc.setLocalDescription({ type: "offer", sdp: offer });
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
  } catch (err) {
    void session.leave();
    throw err;
  }
  return session;
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
