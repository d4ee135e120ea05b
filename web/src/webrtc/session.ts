import { apiError } from "../api";
import { fragmentOf, renew, stereo } from "./sdp";

// A connection that waits to be closed until the server has heard of it waits no
// longer than this.
const leaveMs = 2000;
// A restart is to be quicker than a new connection.
const restartMs = 5000;

/** What an answer says of the session that it began. */
export interface Resource {
  /** Where the session is changed and ended; null if the server does not tell. */
  url: URL | null;
  /** The tag of its ICE session; empty if the server does not take changes. */
  etag: string;
}

/**
 * Who asks, as an Authorization header; empty for nobody. Null leaves it to the
 * browser, which may ask the user for a name and a password.
 */
export type Authorization = string | null;

/** A request with its authorization, as fetch takes it. */
export function authorized(authorization: Authorization, { headers, ...init }: RequestInit & { headers?: Record<string, string> }): RequestInit {
  if (authorization === null) return { ...init, headers: { ...headers } };
  return { ...init, headers: { ...headers, ...(authorization && { Authorization: authorization }) }, credentials: "omit" };
}

/** A session at the server (RFC 9725, 4.3). */
export class Session {
  private etag: string;
  private found: string[] = [];
  private telling = false;
  private restarting: Promise<void> | undefined;

  constructor(
    private readonly pc: RTCPeerConnection,
    private readonly resource: Resource,
    private readonly authorization: Authorization,
  ) {
    this.etag = resource.etag;
    pc.onicecandidate = ({ candidate }) => candidate && this.see(candidate);
  }

  /** Ends it; done when the server has heard of it, or will not. It may be called again. */
  async leave(): Promise<void> {
    this.pc.onicecandidate = null;
    // It outlives the page.
    await this.request({ method: "DELETE", keepalive: true, signal: AbortSignal.timeout(leaveMs) }).catch(() => undefined);
  }

  /**
   * Looks anew for a way to the server (ICE restart); what comes by the old one
   * goes on. It throws what fetch throws, an ApiError for a refusal, and a
   * DOMException if the browser cannot use the answer.
   */
  restart(): Promise<void> {
    this.restarting ??= this.renew().finally(() => {
      this.restarting = undefined;
      void this.tell();
    });
    return this.restarting;
  }

  private async renew(): Promise<void> {
    const { pc } = this;
    if (!this.etag) throw new DOMException("The server takes no changes.", "NotSupportedError");
    this.found = [];
    const offer = stereo((await pc.createOffer({ iceRestart: true })).sdp ?? "");
    await pc.setLocalDescription({ type: "offer", sdp: offer });
    // Whichever ICE session the server thinks there is, this one replaces it.
    const res = await this.patch(fragmentOf(offer, []), "*");
    if (res.status !== 200) throw await apiError(res);
    this.etag = res.headers.get("ETag") ?? "";
    const answer = renew(pc.currentRemoteDescription!.sdp, await res.text());
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
  }

  // The server learns our address from where our checks come. Others help it to
  // reach us by a relay and through its own NAT, and to say what was tried.
  private see({ candidate }: RTCIceCandidate): void {
    // Names of mDNS stand in for addresses that the browser keeps to itself.
    if (candidate === "" || / \S+\.local /.test(candidate)) return;
    this.found.push(candidate);
    void this.tell();
  }

  // Candidates that are found while the server hears of others go together.
  private async tell(): Promise<void> {
    if (this.telling || this.restarting || this.found.length === 0 || !this.etag) return;
    this.telling = true;
    const told = this.found;
    this.found = [];
    const heard = await this.patch(fragmentOf(this.pc.localDescription?.sdp ?? "", told), this.etag).then((res) => res.ok, () => false);
    this.telling = false;
    if (heard) void this.tell();
  }

  private patch(body: string, match: string): Promise<Response> {
    const headers = { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": match };
    return this.request({ method: "PATCH", headers, body, signal: AbortSignal.timeout(restartMs) });
  }

  private async request(init: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
    const { url } = this.resource;
    if (!url) throw new DOMException("The server does not tell where the session is.", "NotSupportedError");
    return fetch(url, authorized(this.authorization, { ...init, cache: "no-store" }));
  }
}
