// Server-sent events (HTML Standard, 9.2.6) out of an answer of fetch: EventSource
// cannot say who asks.

/** One event; `id` is the newest that was named. */
export interface Message {
  id: string;
  data: string;
}

// An event of weir has some 2 kB. A line of more than this is not one.
const maxLine = 1 << 20;

/** Cuts text, piece by piece, into events. Comments, and fields that weir does not send, are passed over. */
export class EventParser {
  private rest = "";
  private id = "";
  private data: string[] = [];

  /** The events that a further piece of the text completes. It throws an Error if a line does not end. */
  push(text: string): Message[] {
    // A \r at the end may be half of a line's end.
    const all = this.rest + text;
    const held = all.endsWith("\r") ? 1 : 0;
    const lines = all.slice(0, all.length - held).split(/\r\n|\n|\r/);
    this.rest = lines.pop()! + all.slice(all.length - held);
    if (this.rest.length > maxLine) throw new Error("a line of the events does not end");
    return lines.flatMap((line) => this.line(line) ?? []);
  }

  private line(line: string): Message | undefined {
    if (line === "") {
      const { id, data } = this;
      this.data = [];
      return data.length > 0 ? { id, data: data.join("\n") } : undefined;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "data") this.data.push(value);
    return undefined;
  }
}
