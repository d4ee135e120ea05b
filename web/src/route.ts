// The address bar: which page, and what it shows. All of it is in the query, for
// every path but "/" is a stream's or the API's.

import { useCallback, useEffect, useState } from "preact/hooks";

export const pages = ["overview", "recordings", "sessions", "events", "config"] as const;

/** Those of the navigation, and that of one stream. */
export type Page = (typeof pages)[number] | "stream";

/** The page that a query asks for; the overview if it is none of ours. */
export function pageOf(search: string): Page {
  const page = new URLSearchParams(search).get("page");
  return ([...pages, "stream"] as const).find((p) => p === page) ?? "overview";
}

/** The address of a page; parameters that are empty are left out. */
export function pageHref(page: Page, params: Record<string, string> = {}): string {
  const set = Object.entries(params).filter(([, value]) => value !== "");
  const query = new URLSearchParams(page === "overview" ? set : [["page", page], ...set]);
  return `?${query.toString().replaceAll("%2F", "/")}`;
}

/** The address of a stream's page. */
export function streamHref(name: string): string {
  return pageHref("stream", { name });
}

/** The address of a stream's recordings, played from a time (RFC 3339) if it is given. */
export function recordingsHref(stream: string, at = ""): string {
  return pageHref("recordings", { stream, at });
}

/** The address of the sessions' page with one of them open. */
export function sessionHref(id: string): string {
  return pageHref("sessions", { id });
}

export interface Navigation {
  /** The query of the address bar. */
  search: string;
  /** Goes to another address of the console; Back returns from there unless `replace` is set. */
  go: (href: string, replace?: boolean) => void;
}

/** Follows the address bar, and every link of the page to an address of the console. */
export function useNavigation(): Navigation {
  const [search, setSearch] = useState(location.search);

  const go = useCallback((href: string, replace = false) => {
    if (href !== location.search) history[replace ? "replaceState" : "pushState"](null, "", href === "?" ? location.pathname : href);
    setSearch(location.search);
  }, []);

  useEffect(() => {
    const read = () => setSearch(location.search);
    const follow = (e: MouseEvent) => {
      const link = (e.target as Element).closest?.("a");
      const href = link?.getAttribute("href");
      if (!href?.startsWith("?") || link?.target || e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
      e.preventDefault();
      go(href);
      scrollTo(0, 0);
    };
    addEventListener("popstate", read);
    document.addEventListener("click", follow);
    return () => {
      removeEventListener("popstate", read);
      document.removeEventListener("click", follow);
    };
  }, [go]);

  return { search, go };
}
