// Light or dark: as the system has it, or as was chosen here.

import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

export const themes = ["system", "light", "dark"] as const;

export type Theme = (typeof themes)[number];

const key = "weir.theme";

/** What was chosen, "system" if nothing. */
export function chosenTheme(storage: Pick<Storage, "getItem">): Theme {
  const chosen = storage.getItem(key);
  return themes.find((t) => t === chosen) ?? "system";
}

/** Shows a theme; style.css makes it of data-theme. */
export function showTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Changes whenever colours do, for what is drawn by a script. */
export const Colours = createContext("light");

export function useColours(): string {
  return useContext(Colours);
}

/** The theme that is chosen, what that makes of the colours, and how to choose another. */
export function useTheme(): { theme: Theme; colours: string; choose: (theme: Theme) => void } {
  const [theme, setTheme] = useState(() => chosenTheme(localStorage));
  const [dark, setDark] = useState(() => darkSystem().matches);
  useEffect(() => {
    const query = darkSystem();
    const read = () => setDark(query.matches);
    query.addEventListener("change", read);
    return () => query.removeEventListener("change", read);
  }, []);
  const choose = (to: Theme) => {
    showTheme(to);
    localStorage.setItem(key, to);
    setTheme(to);
  };
  return { theme, colours: theme === "system" ? (dark ? "dark" : "light") : theme, choose };
}

function darkSystem(): MediaQueryList {
  return matchMedia("(prefers-color-scheme: dark)");
}
