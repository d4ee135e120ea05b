// The language of the page: one for all of it, as there is one reader.

import { en } from "./en";

/** Everything that the console says. A language that lacks something does not compile. */
export type Words = typeof en;

/** The languages, in their own words. */
export const languages = { en: "English", zh: "中文" } as const;

export type Language = keyof typeof languages;

const key = "weir.language";

let words: Words = en;
let language: Language = "en";
let said: (english: string) => string = (english) => english;

/** What is said in the language of the moment. */
export function w(): Words {
  return words;
}

/** The language of the moment, as the browser formats numbers and times. */
export function locale(): string {
  return language === "zh" ? "zh-CN" : "en-GB";
}

export function current(): Language {
  return language;
}

/** A sentence of the player or the publisher, which speak English, in the language of the moment. */
export function say(english: string): string {
  return said(english);
}

/** The language that was chosen here, else the first of the browser's that there is. */
export function preferred(storage: Pick<Storage, "getItem">, browser: readonly string[]): Language {
  const chosen = storage.getItem(key);
  const wanted = [chosen ?? "", ...browser].map((l) => l.toLowerCase().split("-")[0]);
  return (Object.keys(languages) as Language[]).reduce<Language>((best, l) => {
    const at = (x: Language) => (wanted.includes(x) ? wanted.indexOf(x) : wanted.length);
    return at(l) < at(best) ? l : best;
  }, "en");
}

/** Speaks a language from now on; what is on the page must be drawn anew. */
export async function speak(to: Language): Promise<void> {
  if (to === "zh") {
    const { zh, sentence } = await import("./zh");
    [words, said] = [zh, sentence];
  } else {
    [words, said] = [en, (english) => english];
  }
  language = to;
}

/** Remembers a choice. */
export function remember(storage: Pick<Storage, "setItem">, to: Language): void {
  storage.setItem(key, to);
}
