import { languages, w, type Language } from "./i18n/language";
import { PageIcon } from "./marks";
import { pageHref, pages, type Page } from "./route";
import { themes, type Theme } from "./theme";

interface HeaderProps {
  page: Page;
  /** A few words about the server; empty if nothing is known. */
  totals: string;
  language: Language;
  onLanguage: (language: Language) => void;
  theme: Theme;
  onTheme: (theme: Theme) => void;
  /** Undefined if nobody has signed in. */
  onSignOut: (() => void) | undefined;
}

const languageCodes = Object.keys(languages) as Language[];

/** Name, navigation, and how the page looks. */
export function Header({ page, totals, language, onLanguage, theme, onTheme, onSignOut }: HeaderProps) {
  const words = w().page;
  return (
    <header class="top">
      <h1>
        <a href="?">weir</a>
      </h1>
      <nav aria-label={words.navigation}>
        {pages.map((p) => (
          <a key={p} href={pageHref(p)} aria-current={p === page ? "page" : undefined}>
            <PageIcon page={p} />
            <span>{words[p]}</span>
          </a>
        ))}
      </nav>
      <span class="totals">{totals}</span>
      <span class="looks">
        {onSignOut && (
          <button type="button" class="plain" onClick={onSignOut}>
            {words.signOut}
          </button>
        )}
        <select name="language" aria-label={words.language} value={language} onChange={(e) => onLanguage(e.currentTarget.value as Language)}>
          {languageCodes.map((code) => (
            <option key={code} value={code} lang={code}>
              {languages[code]}
            </option>
          ))}
        </select>
        <select name="theme" aria-label={words.theme} value={theme} onChange={(e) => onTheme(e.currentTarget.value as Theme)}>
          {themes.map((t) => (
            <option key={t} value={t}>
              {words.themes[t]}
            </option>
          ))}
        </select>
      </span>
    </header>
  );
}
