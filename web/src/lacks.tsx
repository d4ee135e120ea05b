import type { Lack } from "./api";
import { lack } from "./format";

/** What a stream's publisher and viewers do without. */
export function Lacks({ lacks }: { lacks: Lack[] | undefined }) {
  if (!lacks?.length) return null;
  return (
    <ul class="lacks" aria-label="Left out">
      {lacks.map((l) => (
        <li key={lack(l)}>{lack(l)}</li>
      ))}
    </ul>
  );
}
