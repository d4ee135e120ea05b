import type { Moment } from "./control";
import { clock, decimal } from "./format";
import { w } from "./i18n/language";

/** What happened to a session, oldest first, with the seconds since it began. */
export function Moments({ moments }: { moments: Moment[] }) {
  const names = w().timeline;
  const begin = Date.parse(moments[0]?.at ?? "");
  return (
    <ol class="moments">
      {moments.map(({ at, what, detail }, i) => (
        <li key={i} data-what={what}>
          <time dateTime={at} title={clock(Date.parse(at))}>
            +{decimal((Date.parse(at) - begin) / 1000, 3)} s
          </time>
          <span class="what">{Object.hasOwn(names, what) ? names[what as keyof typeof names] : what}</span>
          {detail && (
            <span class="detail" lang="en">
              {detail}
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}
