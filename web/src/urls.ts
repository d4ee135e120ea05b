// Every address the console makes or reads.

/** A stream name as a path: slashes stay, all else is percent-encoded. */
export function encodeName(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

/** Where a stream is played over HTTP-FLV; `origin` is like "http://host:8080". */
export function flvUrl(origin: string, name: string, kinds = { audio: true, video: true }): string {
  const query = [!kinds.audio && "audio=0", !kinds.video && "video=0"].filter(Boolean).join("&");
  return `${origin}/${encodeName(name)}.flv${query && `?${query}`}`;
}

/** Where a stream is published and played over RTMP. */
export function rtmpUrl(host: string, port: number, name: string): string {
  return `rtmp://${host}:${port}/${encodeName(name)}`;
}

/** The address of the console with a stream's player open. */
export function playSearch(name: string): string {
  return `?play=${encodeName(name)}`;
}

/** The stream that the page's query asks to play, or null. */
export function playFrom(search: string): string | null {
  return new URLSearchParams(search).get("play") || null;
}

/** Splits `#token=…` off a URL fragment, for the token must not stay in the address bar. */
export function splitToken(hash: string): { token: string | null; rest: string } {
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  const token = params.get("token") || null;
  params.delete("token");
  // A fragment that holds no token is given back as it was written.
  if (token === null) return { token, rest: hash };
  const rest = params.toString();
  return { token, rest: rest && `#${rest}` };
}
