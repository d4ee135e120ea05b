/** How a connection came to its end: it never came about, nothing comes any more, or the server closed it. */
export type Over = "never" | "lost" | "closed";

// Checks of ICE find a way within three seconds, by TCP or a relay too, or not
// at all.
const connectMs = 8000;
// Browsers notice after some 5 s that nothing comes; what is not back after this
// is found again sooner by a new connection, also on another network.
const lostMs = 3000;

/** Calls `over` once when a connection, which was answered, is no more. The function returned ends the watch. */
export function watch(pc: RTCPeerConnection, over: (how: Over) => void): () => void {
  let connected = false;
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
  const read = () => {
    switch (pc.connectionState) {
      case "connected":
        connected = true;
        clearTimeout(timer);
        break;
      case "disconnected":
        clearTimeout(timer);
        timer = setTimeout(() => finish("lost"), lostMs);
        break;
      case "failed":
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
