import { ApiError } from "../api";
import { again, doubtful, notThisWay, reasonFailure, statusFailure, type Failure } from "./failure";

const timeoutMs = 5000;

/**
 * Why a WebSocket did not open, which browsers keep to themselves: the same
 * address is asked for by plain HTTP, whose answer to HEAD waits for nothing.
 */
export async function whyRefused(webSocketUrl: string): Promise<Failure> {
  const url = webSocketUrl.replace(/^ws/, "http");
  try {
    const { status } = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(timeoutMs), cache: "no-store" });
    return refusedWith(status);
  } catch {
    return again("The server cannot be reached.");
  }
}

const notOffered = notThisWay("The server does not offer it.");

/** Why an offer of WebRTC to `url` got no answer that can be used; `err` is what exchange throws. */
export async function whyNotAnswered(err: unknown, url: string): Promise<Failure> {
  if (err instanceof ApiError) {
    const { status, code, message } = err;
    if (code === "unsupported") return notThisWay(`The server cannot send this stream so: ${message}.`);
    if (code === "limit_reached") return doubtful("The server has as many WebRTC sessions as it may have.");
    const known = reasonFailure(code);
    if (known) return known;
    // Of a stream that is not there the server gives the reason.
    if ([404, 405, 501].includes(status)) return notOffered;
    if (status === 401 || status === 403) return statusFailure(status);
    return doubtful(`The server answers: ${message}.`);
  }
  if (err instanceof DOMException) return notThisWay(`This browser cannot use the server's answer: ${err.message}`);
  // Browsers do not show a page of another origin that the server refuses what it
  // does not know; but they show that there is a server.
  const elsewhere = new URL(url).origin !== location.origin;
  if (elsewhere && (await answers(url))) return notThisWay("The server does not offer it to this page.");
  return again("The server cannot be reached.");
}

async function answers(url: string): Promise<boolean> {
  const question = { method: "HEAD", mode: "no-cors", signal: AbortSignal.timeout(timeoutMs), cache: "no-store" } as const;
  return fetch(url, question).then(() => true, () => false);
}

/** What it means that plain HTTP answers with `status` where a WebSocket does not open. */
export function refusedWith(status: number): Failure {
  // A WebSocket waits for a stream that is not there. So this is a server, or
  // something before it, without WebSocket at this address.
  if (status === 404) return notOffered;
  if (status < 400) return doubtful("Something between here and the server refuses WebSockets.");
  return statusFailure(status);
}
