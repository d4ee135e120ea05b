import { again, doubtful, notThisWay, statusFailure, type Failure } from "./failure";

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

/** What it means that plain HTTP answers with `status` where a WebSocket does not open. */
export function refusedWith(status: number): Failure {
  // A WebSocket waits for a stream that is not there. So this is a server, or
  // something before it, without WebSocket at this address.
  if (status === 404) return notThisWay("The server does not offer it.");
  if (status < 400) return doubtful("Something between here and the server refuses WebSockets.");
  return statusFailure(status);
}
