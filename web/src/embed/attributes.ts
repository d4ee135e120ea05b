import { wayFrom, type Way } from "../player/ways";

/** What the attributes of <weir-player> say. */
export interface Settings {
  /** The stream's absolute address with its credentials; null if there is none. */
  stream: string | null;
  via: Way | undefined;
}

/** The attributes that begin playback anew when they change. */
export const streamAttributes = ["src", "via", "token", "user", "pass"];

/** Reads the attributes; addresses are relative to `base`. */
export function settings(attribute: (name: string) => string | null, base: string): Settings {
  const via = wayFrom(attribute("via"));
  const src = attribute("src");
  if (!src) return { stream: null, via };
  let url: URL;
  try {
    url = new URL(src, base);
  } catch {
    return { stream: null, via };
  }
  if (!/^https?:$/.test(url.protocol)) return { stream: null, via };
  for (const name of ["token", "user", "pass"]) {
    const value = attribute(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  return { stream: url.href, via };
}
