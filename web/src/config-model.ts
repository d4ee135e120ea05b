// How the configuration's keys are shown.

import type { ConfigChange, ConfigKey, KeyType } from "./control";
import { w } from "./i18n/language";

/** Keys of one section, in the server's order. */
export interface Section {
  name: string;
  keys: ConfigKey[];
}

export type Show = "every" | "changed" | "live";

/** The sections of those keys that are shown and have all words of `search` in name, value or help. */
export function sections(keys: ConfigKey[], search: string, show: Show): Section[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = keys.filter((k) => {
    if ((show === "changed" && !k.set_by) || (show === "live" && !k.live)) return false;
    const text = `${k.key} ${k.value} ${k.help}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const found = new Map<string, ConfigKey[]>();
  for (const k of shown) {
    const name = k.key.split(".")[0]!;
    found.set(name, [...(found.get(name) ?? []), k]);
  }
  return [...found].map(([name, keys]) => ({ name, keys }));
}

// Of these a value is one text, which people type without YAML's quotes.
const texts: KeyType[] = ["text", "secret", "address", "duration", "size"];

/** Stands in the place of what is not shown. */
export const hidden = "***";

/** A value of a key as people read it, and type it. */
export function plain({ type }: ConfigKey, value: string): string {
  if (!texts.includes(type) || !value.startsWith('"')) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    // YAML knows more escapes than JSON.
    return value;
  }
}

/** What people have typed as weir.yaml has it. */
export function yaml({ type }: ConfigKey, typed: string): string {
  return texts.includes(type) ? JSON.stringify(typed) : typed;
}

/** What the form of a key begins with: of a secret nothing, for nobody is shown it. */
export function begun(k: ConfigKey): string {
  return k.type === "secret" ? "" : plain(k, k.value);
}

/** What a key is set to by who began with `from` and has `typed` now; undefined if it stays, for what is hidden cannot be sent back. */
export function changed(k: ConfigKey, from: string, typed: string): string | undefined {
  const hides = k.type === "secret" || from.includes(hidden);
  return hides && typed === from ? undefined : yaml(k, typed);
}

/** Keys whose value takes several lines, or may. */
export function isLong(k: ConfigKey): boolean {
  return k.type === "groups" || k.value.includes("\n");
}

/** What a change of the configuration did, in words. */
export function changeText({ changed, restart }: ConfigChange): string {
  const words = w().config;
  const parts = [changed.length > 0 && words.reloaded(changed.join(", ")), restart.length > 0 && words.needsRestart(restart.join(", "))].filter(Boolean);
  return parts.join(" ") || words.nothing;
}
