import type { Lack } from "./api";
import { lack } from "./format";
import { w } from "./i18n/language";

/** What a stream's publisher and viewers do without. */
export function Lacks({ lacks }: { lacks: Lack[] | undefined }) {
  if (!lacks?.length) return null;
  return (
    <ul class="lacks" aria-label={w().card.leftOut}>
      {lacks.map((l) => (
        <li key={lack(l) + l.why}>
          {lack(l)}
          <span lang="en">{l.why}</span>
        </li>
      ))}
    </ul>
  );
}
