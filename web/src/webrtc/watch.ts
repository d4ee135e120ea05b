/** How a connection came to its end: it never came about, nothing comes any more, or the server closed it. */
export type Over = "never" | "lost" | "closed";

/** What a watch does. */
export interface Watcher {
  /** Tries to mend a connection by which nothing comes; fails if it cannot. */
  mend(): Promise<void>;
  /** Called once, when the connection is no more. */
  over(how: Over): void;
}

// Checks of ICE find a way within three seconds, by TCP or a relay too, or not
// at all.
const connectMs = 8000;
// Browsers notice after some 5 s that nothing comes. What is not back after this
// needs another way, as on another network.
const lostMs = 2000;
// What is not mended by then is begun anew.
const mendMs = 8000;

/** Watches over a connection, which was answered, until the function returned is called. */
export function watch(pc: RTCPeerConnection, { mend, over }: Watcher): () => void {
  let connected = false;
  let mending = false;
  const listeners = new AbortController();
  const stop = () => {
    clearTimeout(timer);
    listeners.abort();
  };
  const finish = (how: Over) => {
    if (listeners.signal.aborted) return;
    stop();
    over(how);
  };
  let timer = setTimeout(() => finish("never"), connectMs);
  const wait = (ms: number, then: () => void) => {
    clearTimeout(timer);
    timer = setTimeout(then, ms);
  };
  const repair = () => {
    mending = true;
    wait(mendMs, () => finish("lost"));
    mend().catch(() => mending && finish("lost"));
  };
  const read = () => {
    switch (pc.connectionState) {
      case "connected":
        connected = true;
        mending = false;
        clearTimeout(timer);
        break;
      case "disconnected":
        if (!mending) wait(lostMs, repair);
        break;
      case "failed":
        if (!connected) finish("never");
        else if (!mending) repair();
        break;
      case "closed":
        finish(connected ? "lost" : "never");
    }
  };
  // All tracks share one transport. That it closes is the other side's farewell,
  // which the state of the connection does not show.
  const transport = pc.getTransceivers()[0]?.receiver.transport;
  transport?.addEventListener("statechange", () => transport.state === "closed" && finish("closed"), { signal: listeners.signal });
  pc.addEventListener("connectionstatechange", read, { signal: listeners.signal });
  read();
  return stop;
}
