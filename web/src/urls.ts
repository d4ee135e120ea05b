// Every address the console makes or reads.

import { wayFrom, type Way } from "./player/ways";

/** A stream name as a path: slashes stay, all else is percent-encoded. */
export function encodeName(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}

/** A stream's address without extension; `origin` is like "http://host:8080". */
export function streamUrl(origin: string, name: string): string {
  return `${origin}/${encodeName(name)}`;
}

/** The server's ports; 0 or absent if it does not listen. */
export interface Ports {
  rtmp_port?: number;
  rtmps_port?: number;
  rtsp_port?: number;
  rtsps_port?: number;
}

/** Where a stream is published and played by a protocol: in plain, then over TLS, as far as the server listens. */
export function mediaUrls(protocol: "rtmp" | "rtsp", host: string, ports: Ports | undefined, name: string): string[] {
  const listeners = [[protocol, ports?.[`${protocol}_port`]], [`${protocol}s`, ports?.[`${protocol}s_port`]]] as const;
  return listeners.filter(([, port]) => port).map(([scheme, port]) => `${scheme}://${host}:${port}/${encodeName(name)}`);
}

/** An RTMP address as OBS wants it: the last segment of the name apart from the rest. */
export function serverAndKey(url: string): { server: string; key: string } {
  const slash = url.lastIndexOf("/");
  return { server: url.slice(0, slash), key: url.slice(slash + 1) };
}

/** The Authorization header of a user (RFC 7617). */
export function basic(user: string, password: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)))}`;
}

/** A stream in the player. */
export interface Playing {
  name: string;
  /** The way that the viewer chose; the player chooses if it is undefined. */
  via?: Way | undefined;
}

/** The address of the console with a stream's player open. */
export function playSearch({ name, via }: Playing): string {
  return `?play=${encodeName(name)}${via ? `&via=${via}` : ""}`;
}

/** The stream that the page's query asks to play, or null. */
export function playFrom(search: string): Playing | null {
  const query = new URLSearchParams(search);
  const name = query.get("play");
  return name ? { name, via: wayFrom(query.get("via")) } : null;
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
