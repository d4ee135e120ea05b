import type Mpegts from "mpegts.js";
import { closeFailure, type Failure } from "./failure";
import { whyRefused } from "./refusal";

/**
 * A loader of WS-FLV for mpegts.js. Its own keeps to itself why a WebSocket
 * closed; this one tells before the loading is complete. It cannot be sent to a
 * worker, for it holds a function.
 */
export function webSocketLoader(lib: typeof Mpegts, onEnd: (why: Failure) => void): Mpegts.CustomLoaderConstructor {
  const { kConnecting, kBuffering, kComplete } = lib.LoaderStatus;

  return class extends lib.BaseLoader {
    private socket?: WebSocket;
    private received = 0;

    constructor() {
      super("weir-websocket-loader");
      this._needStash = true;
    }

    override destroy(): void {
      this.abort();
      super.destroy();
    }

    override open(source: Mpegts.MediaSegment): void {
      const socket = new WebSocket(source.url);
      this.socket = socket;
      this._status = kConnecting;
      let opened = false;
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        opened = true;
        this._status = kBuffering;
      };
      socket.onmessage = ({ data }) => {
        if (!(data instanceof ArrayBuffer)) return;
        const start = this.received;
        this.received += data.byteLength;
        this.onDataArrival(data, start, this.received);
      };
      // An error is always followed by the close, which knows as much.
      socket.onclose = async ({ reason }) => {
        this._status = kComplete;
        const why = opened || reason ? closeFailure(reason) : await whyRefused(source.url);
        if (this.socket !== socket) return;
        onEnd(why);
        this.onComplete(0, this.received - 1);
      };
    }

    override abort(): void {
      const { socket } = this;
      this.socket = undefined;
      this._status = kComplete;
      if (!socket) return;
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  };
}
